// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Extractors of what makes, changes and ends processes.
