//! Tables of functions of a library that is loaded when a GPU is asked for.

/// A struct of function pointers, looked up by name all at once.
///
/// All at once, so that a library too old for one of them is an error at the start: cudarc's own functions look their
/// symbol up at their first call, and panic without it. They also read a result as an enum of the codes of one version of
/// CUDA, which a newer driver may leave; here it is a number.
macro_rules! functions {
    ($(#[$documentation:meta])* $name:ident { $($function:ident($($argument:ty),*) -> $result:ty;)* }) => {
        $(#[$documentation])*
        #[allow(non_snake_case)] // the names are those of the library
        pub(super) struct $name {
            $(pub(super) $function: unsafe extern "C" fn($($argument),*) -> $result,)*
        }

        impl $name {
            /// Looks all up with `find`, which gives the address of a symbol; else the names of those that are missing.
            ///
            /// # Safety
            /// `find` gives addresses of functions of these types, which stay loaded.
            #[allow(non_snake_case)]
            pub(super) unsafe fn look_up(
                find: impl Fn(&'static str) -> Option<*mut std::ffi::c_void>,
            ) -> std::result::Result<Self, Vec<&'static str>> {
                let mut missing = Vec::new();
                $(
                    let $function = find(stringify!($function)).filter(|address| !address.is_null());
                    if $function.is_none() {
                        missing.push(stringify!($function));
                    }
                )*
                let ($(Some($function),)*) = ($($function,)*) else { return Err(missing) };
                Ok(Self {
                    $(
                        // SAFETY: not null, and by the contract of this function the address of such a function.
                        $function: unsafe {
                            std::mem::transmute::<
                                *mut std::ffi::c_void,
                                unsafe extern "C" fn($($argument),*) -> $result,
                            >($function)
                        },
                    )*
                })
            }
        }
    };
}

pub(super) use functions;
