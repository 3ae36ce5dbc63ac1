// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! The extras that say where a name really is: the file that was opened, and the directory that a relative name starts
//! from. All from kernel objects; the names themselves are only what the program claimed.
//!
//! They are the last thing that an extractor writes ([`Kernel::put_places`]).

use super::super::wire::record::Extra;
use super::kernel::Kernel;

/// The descriptor that stands for the working directory.
pub const AT_FDCWD: i32 = -100;

/// No directory: there is no name, or an absolute one.
const NOWHERE: i32 = i32::MIN;

/// What the extras of a call tell.
#[derive(Clone, Copy)]
pub struct Places<F> {
    /// The file that it opened.
    pub file: Option<F>,
    /// The directories that its names start from, by descriptor; negative: none.
    pub starts: [i32; 2],
    /// Whether one starts from the working directory, or that is new.
    pub working_directory: bool,
}

impl<F> Places<F> {
    /// Nothing.
    #[inline(always)]
    fn none() -> Places<F> {
        Places { file: None, starts: [NOWHERE; 2], working_directory: false }
    }

    /// Whether there is nothing to tell.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        let [first, second] = self.starts;
        self.file.is_none() && !self.working_directory && first < 0 && second < 0
    }

    /// Takes in where a name starts from.
    #[inline(always)]
    fn start(&mut self, index: usize, start: i32) {
        if start == AT_FDCWD {
            self.working_directory = true;
        } else if let Some(place) = self.starts.get_mut(index) {
            *place = start;
        }
    }
}

/// Tells where a call's name starts from, if it is relative.
#[inline(always)]
pub fn start<K: Kernel>(kernel: &mut K, directory: i32, name: u64) {
    opened(kernel, None, (directory, name));
}

/// As [`start`], of a call with two names.
#[inline(always)]
pub fn starts<K: Kernel>(kernel: &mut K, first: (i32, u64), second: (i32, u64)) {
    if kernel.wants_paths() {
        let mut places = Places::none();
        places.start(0, start_of(kernel, first));
        places.start(1, start_of(kernel, second));
        tell(kernel, places);
    }
}

/// As [`start`], of a call that opens a file; where that is, too, if it did.
#[inline(always)]
pub fn opened<K: Kernel>(kernel: &mut K, file: Option<K::File>, name: (i32, u64)) {
    if kernel.wants_paths() {
        let mut places = Places { file, ..Places::none() };
        places.start(0, start_of(kernel, name));
        tell(kernel, places);
    }
}

/// Tells where the task is.
#[inline(always)]
pub fn working_directory<K: Kernel>(kernel: &mut K) {
    if kernel.wants_paths() {
        tell(kernel, Places { working_directory: true, ..Places::none() });
    }
}

/// Tells which program the task executes and where it is. Not the end of a call, so the extras are written here.
#[inline(always)]
pub fn executed<K: Kernel>(kernel: &mut K) {
    if kernel.wants_paths() {
        let file = kernel.executable();
        put(kernel, Places { file, working_directory: true, ..Places::none() });
    }
}

#[inline(always)]
fn tell<K: Kernel>(kernel: &mut K, places: Places<K::File>) {
    if !places.is_empty() {
        kernel.put_places(places);
    }
}

/// Writes the extras.
#[inline(always)]
pub fn put<K: Kernel>(kernel: &mut K, mut places: Places<K::File>) {
    while !places.is_empty() {
        put_next(kernel, &mut places);
    }
}

/// Writes the next extra and takes it out.
#[inline(always)]
pub fn put_next<K: Kernel>(kernel: &mut K, places: &mut Places<K::File>) {
    let [first, second] = places.starts;
    let (kind, path) = if let Some(file) = places.file.take() {
        (Extra::FilePath, Some(kernel.path(file)))
    } else if first >= 0 {
        places.starts = [NOWHERE, second];
        (Extra::DirectoryPath, directory(kernel, first))
    } else if second >= 0 {
        places.starts = [NOWHERE; 2];
        (Extra::SecondDirectoryPath, directory(kernel, second))
    } else if places.working_directory {
        places.working_directory = false;
        (Extra::WorkingDirectory, kernel.working_directory())
    } else {
        return;
    };
    if let Some(path) = path {
        kernel.put_path_extra(kind, path);
    }
}

#[inline(always)]
fn directory<K: Kernel>(kernel: &mut K, descriptor: i32) -> Option<K::Path> {
    let file = kernel.file(descriptor)?;
    Some(kernel.path(file))
}

/// The directory that a name starts from. An empty name is relative too: it means the descriptor itself.
#[inline(always)]
fn start_of<K: Kernel>(kernel: &mut K, (directory, name): (i32, u64)) -> i32 {
    if name != 0 && kernel.user_u8(name).is_some_and(|first| first != b'/') {
        directory
    } else {
        NOWHERE
    }
}
