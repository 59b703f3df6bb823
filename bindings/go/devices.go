package groma

// #include "bridge.h"
import "C"

import "encoding/json"

// Device is a processor that models can run on.
type Device struct {
	// Name is what the option Device takes: cpu.
	Name string
	// Description is the name of the processor.
	Description string
	// MemoryTotalBytes and MemoryFreeBytes are 0 where they are not known.
	MemoryTotalBytes, MemoryFreeBytes uint64
}

// Fits says whether so much of its memory was free when it was listed; not where that is not known.
func (d Device) Fits(sizeBytes uint64) bool {
	return sizeBytes <= d.MemoryFreeBytes
}

// LeastLoaded is the name of the GPU that is least at work, as the option Device takes it; cpu if no GPU can be used.
func LeastLoaded() (string, error) {
	var list *C.groma_devices_t
	var e *C.groma_error_t
	if err := failure(C.groma_devices_list(&list, &e), e); err != nil {
		return "", err
	}
	defer C.groma_devices_destroy(list)
	return C.GoString(C.groma_devices_least_loaded(list)), nil
}

// Devices lists the processors that models can run on.
func Devices() ([]Device, error) {
	devices, _, err := listDevices()
	return devices, err
}

// DevicesJSON is the same list as a JSON value, with all that is known.
func DevicesJSON() (json.RawMessage, error) {
	_, text, err := listDevices()
	return text, err
}

func listDevices() ([]Device, json.RawMessage, error) {
	var list *C.groma_devices_t
	var e *C.groma_error_t
	if err := failure(C.groma_devices_list(&list, &e), e); err != nil {
		return nil, nil, err
	}
	defer C.groma_devices_destroy(list)
	devices := make([]Device, uint64(C.groma_devices_count(list)))
	for i := range devices {
		index := C.uint64_t(i)
		devices[i] = Device{
			Name:             C.GoString(C.groma_devices_name(list, index)),
			Description:      C.GoString(C.groma_devices_description(list, index)),
			MemoryTotalBytes: uint64(C.groma_devices_memory_total_bytes(list, index)),
			MemoryFreeBytes:  uint64(C.groma_devices_memory_free_bytes(list, index)),
		}
	}
	return devices, json.RawMessage(C.GoString(C.groma_devices_json(list))), nil
}
