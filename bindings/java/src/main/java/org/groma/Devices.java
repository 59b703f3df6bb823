// The devices that models can run on.
package org.groma;

/**
 * The devices that models can run on, as they were when this was made. Of a device that is not there, texts are null and
 * numbers 0.
 */
public final class Devices extends NativeObject {
    /** Looks for devices. */
    public Devices() {
        super(list());
    }

    private static Resource list() {
        try (Call call = new Call()) {
            return call.make(Low::groma_devices_destroy, Low::groma_devices_list);
        }
    }

    /** Number of devices. */
    public long count() {
        return number(Low::groma_devices_count);
    }

    /** What the option {@code device} takes: {@code cpu}. */
    public String name(long index) {
        return text(h -> Low.groma_devices_name(h, index));
    }

    /** Name of the processor. */
    public String description(long index) {
        return text(h -> Low.groma_devices_description(h, index));
    }

    /** Its memory in bytes; 0 if not known. */
    public long memoryTotalBytes(long index) {
        return number(h -> Low.groma_devices_memory_total_bytes(h, index));
    }

    /** Its free memory in bytes; 0 if not known. */
    public long memoryFreeBytes(long index) {
        return number(h -> Low.groma_devices_memory_free_bytes(h, index));
    }

    /** Whether so many bytes of its memory were free when devices were looked for; not where that is not known. */
    public boolean fits(long index, long bytes) {
        return number(h -> Low.groma_devices_fits(h, index, bytes)) != 0;
    }

    /** Name of the GPU that was least at work; {@code cpu} if none can be used. */
    public String leastLoaded() {
        return text(Low::groma_devices_least_loaded);
    }

    /** Everything, as a JSON object. */
    public String json() {
        return text(Low::groma_devices_json);
    }
}
