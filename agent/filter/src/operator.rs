//! The words of the language: operators, modifiers and transformers, one table each. Lexer, printer, typing and
//! messages derive from here.

use std::fmt;

/// What an operator expects on its right-hand side, which is how the grammar tells operators apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OperatorKind {
    /// Nothing.
    Unary,
    /// A number.
    Number,
    /// A string; or, after a modifier, a list.
    Text,
    /// A list.
    List,
}

macro_rules! operators {
    ($($(#[$doc:meta])* $name:ident $text:literal $kind:ident $blank:literal $falco:literal;)*) => {
        /// A comparison operator.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Operator {
            $($(#[$doc])* $name,)*
        }

        impl Operator {
            /// All of them. An operator that is the beginning of another one stands after it, so the lexer takes the
            /// first that fits; the order is also that of Falco's messages.
            pub const ALL: &'static [Operator] = &[$(Operator::$name),*];

            /// How it is spelled.
            pub fn text(self) -> &'static str {
                match self { $(Operator::$name => $text,)* }
            }

            /// What stands to its right.
            pub fn kind(self) -> OperatorKind {
                match self { $(Operator::$name => OperatorKind::$kind,)* }
            }

            /// Whether a blank must follow.
            pub(crate) fn needs_blank(self) -> bool {
                match self { $(Operator::$name => $blank,)* }
            }

            /// Falco's internal name, which one of its messages shows.
            pub fn falco_name(self) -> &'static str {
                match self { $(Operator::$name => $falco,)* }
            }
        }
    };
}

operators! {
    /// The field is not null.
    Exists "exists" Unary false "EXISTS";
    Le "<=" Number false "LE";
    Lt "<" Number false "LT";
    Ge ">=" Number false "GE";
    Gt ">" Number false "GT";
    /// Another spelling of `=`.
    EqEq "==" Text false "EQ";
    Eq "=" Text false "EQ";
    Ne "!=" Text false "NE";
    /// `fnmatch(3)` without flags.
    Glob "glob" Text true "GLOB";
    /// `fnmatch(3)` that ignores case.
    IGlob "iglob" Text true "IGLOB";
    Contains "contains" Text true "CONTAINS";
    IContains "icontains" Text true "ICONTAINS";
    /// `contains` with a needle in hexadecimal.
    BContains "bcontains" Text true "BCONTAINS";
    StartsWith "startswith" Text true "STARTSWITH";
    /// `startswith` with a prefix in hexadecimal.
    BStartsWith "bstartswith" Text true "BSTARTSWITH";
    EndsWith "endswith" Text true "ENDSWITH";
    /// RE2 in POSIX syntax, over the whole value.
    Regex "regex" Text true "REGEX";
    Intersects "intersects" List false "INTERSECTS";
    In "in" List false "IN";
    /// A path of the list is the value or one of its parent directories.
    PMatch "pmatch" List false "PMATCH";
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// How a string operator is applied to a list of operands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Modifier {
    /// True for exactly one operand.
    OneOf,
    /// True for at least one.
    AnyOf,
    /// True for every one.
    AllOf,
}

impl Modifier {
    /// All of them.
    pub const ALL: &'static [Modifier] = &[Modifier::OneOf, Modifier::AnyOf, Modifier::AllOf];

    /// How it is spelled.
    pub fn text(self) -> &'static str {
        match self {
            Modifier::OneOf => "oneof",
            Modifier::AnyOf => "anyof",
            Modifier::AllOf => "allof",
        }
    }
}

/// A function over values, in Falco's words a field transformer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Transformer {
    /// The field itself; the mark of a field on the right-hand side.
    Val,
    ToLower,
    ToUpper,
    /// Decodes base64.
    B64,
    /// The last component of a path.
    Basename,
    /// Length in bytes, or number of elements.
    Len,
    /// `join(separator, list)`.
    Join,
    /// `concat(a, b, …)`.
    Concat,
    /// `getopt(arguments, options)`: options of a command line and their values.
    Getopt,
}

impl Transformer {
    /// All of them, in the order of Falco's messages.
    pub const ALL: &'static [Transformer] = &[
        Transformer::Val,
        Transformer::ToLower,
        Transformer::ToUpper,
        Transformer::B64,
        Transformer::Basename,
        Transformer::Len,
        Transformer::Join,
        Transformer::Concat,
        Transformer::Getopt,
    ];

    /// How it is spelled.
    pub fn text(self) -> &'static str {
        match self {
            Transformer::Val => "val",
            Transformer::ToLower => "tolower",
            Transformer::ToUpper => "toupper",
            Transformer::B64 => "b64",
            Transformer::Basename => "basename",
            Transformer::Len => "len",
            Transformer::Join => "join",
            Transformer::Concat => "concat",
            Transformer::Getopt => "getopt",
        }
    }
}

impl fmt::Display for Transformer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}
