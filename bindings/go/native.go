package groma

import (
	"runtime"
	"sync"
)

// nativeLimit is how much memory of the library may be alive before the collector is asked to look for forgotten objects.
const nativeLimit = 256 << 20

// native counts the bytes of the library that handles hold. The collector does not see them: to it a handle over many
// megabytes is small, so that without help it would find forgotten ones too late.
var native = nativeMemory{next: nativeLimit}

type nativeMemory struct {
	mutex sync.Mutex
	live  uint64
	// The collector runs when so much is alive: twice of what was left before, and at least the limit.
	next uint64
}

func (n *nativeMemory) grow(bytes uint64) {
	if bytes == 0 {
		return
	}
	n.mutex.Lock()
	n.live += bytes
	full := n.live > n.next
	if full {
		n.next = 2 * n.live
	}
	n.mutex.Unlock()
	if full {
		runtime.GC()
	}
}

func (n *nativeMemory) shrink(bytes uint64) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.live -= bytes
	next := 2 * n.live
	if next < nativeLimit {
		next = nativeLimit
	}
	if next < n.next {
		n.next = next
	}
}

// weigh says how much memory of the library a handle holds.
func (h *handle) weigh(bytes uint64) {
	h.mutex.Lock()
	h.bytes = bytes
	h.mutex.Unlock()
	native.grow(bytes)
}
