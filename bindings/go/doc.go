// Package groma turns survey data into predictions: it calls the library Groma through its C interface.
//
// Open a model, hand over a LAS or LAZ file or slices of coordinates, and get a class, a confidence and probabilities for
// every point; compute features, neighbours and ground; run any ONNX network with named values.
//
// # Handles
//
// What an Open or New function gives holds memory of the library: Close frees it, a finalizer does where Close was
// forgotten. Close may be called more than once and at any time; a call that is under way on another goroutine ends first.
// A handle never depends on the one that it was made with. Methods of a closed handle fail with ErrClosed, those that
// return no error panic with it.
//
// Models, networks, values, results and the like may be used by any number of goroutines at the same time.
//
// # Memory
//
// Slices go in without a copy, with any stride (see Array), and are read during the call only. Slices that come out are
// views of the library's memory: read only, and valid until Close of what gave them. What has given a view out is not freed
// by a finalizer any more, as views do not keep it: forgotten without Close, its memory stays. Copy methods give slices of
// Go's and leave the finalizer.
//
// # Long calls
//
// Long calls take a context, which stops them within a fraction of a second: the error is then both StatusCancelled and
// the context's. Progress functions run on the goroutine that made the call; their error stops the call, their panic
// stops it and goes on when the library has returned.
//
// # Errors
//
// Errors are *Error; errors.Is tells them apart by status (StatusNotFound, ...) and, where there is one, by the error of
// the standard library (fs.ErrNotExist, fs.ErrExist, context.Canceled).
//
// # The library
//
// The package links libgroma: name its folder in CGO_LDFLAGS when building (`-L/opt/groma/lib
// -Wl,-rpath,/opt/groma/lib`) unless the system's linker knows it, and that of groma.h in CGO_CFLAGS where the package is
// not in Groma's own tree. At start, the package panics if the library is older than the header it was compiled with.
package groma

// #cgo CFLAGS: -I${SRCDIR}/../../include
// #cgo LDFLAGS: -lgroma
// #include "bridge.h"
import "C"

import "fmt"

// ABI version of the header that this package was compiled with.
const (
	ABIMajor = C.GROMA_ABI_MAJOR
	ABIMinor = C.GROMA_ABI_MINOR
)

func init() {
	if major, minor := ABIVersion(); major != ABIMajor || minor < ABIMinor {
		panic(fmt.Sprintf("groma: the library has ABI %d.%d, this program needs %d.%d", major, minor, ABIMajor, ABIMinor))
	}
}

// ABIVersion is the ABI of the library that was loaded.
func ABIVersion() (major, minor int) {
	version := uint32(C.groma_abi_version())
	return int(version >> 16), int(version & 0xffff)
}

// Version is the version of the library, as 1.2.3.
func Version() string { return C.GoString(C.groma_version()) }
