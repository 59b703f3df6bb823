package main

// #cgo linux LDFLAGS: -ldl
// #include <stdlib.h>
// #ifdef _WIN32
// #include <windows.h>
// static void *symbol_of(const char *path, const char *name) {
//     HMODULE library = LoadLibraryA(path);
//     return library ? (void *)GetProcAddress(library, name) : 0;
// }
// #else
// #include <dlfcn.h>
// static void *symbol_of(const char *path, const char *name) {
//     void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
//     return library ? dlsym(library, name) : 0;
// }
// #endif
// static const void *api_base(void *function) { return ((const void *(*)(void))function)(); }
import "C"

import (
	"fmt"
	"unsafe"
)

// apiBase loads an ONNX Runtime as a host would, and gives its OrtApiBase.
func apiBase(path string) (unsafe.Pointer, error) {
	file, name := C.CString(path), C.CString("OrtGetApiBase")
	defer C.free(unsafe.Pointer(file))
	defer C.free(unsafe.Pointer(name))
	function := C.symbol_of(file, name)
	if function == nil {
		return nil, fmt.Errorf("%s has no OrtGetApiBase", path)
	}
	return unsafe.Pointer(C.api_base(function)), nil
}
