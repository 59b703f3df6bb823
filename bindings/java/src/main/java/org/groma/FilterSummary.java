// What a filter did to a file.
package org.groma;

/** What {@link Filtered#ofFile} did. */
public final class FilterSummary extends NativeObject {
    FilterSummary(Resource resource) {
        super(resource);
    }

    /** Number of points read. */
    public long points() {
        return number(Low::groma_filter_summary_points);
    }

    /** Number of points written. */
    public long written() {
        return number(Low::groma_filter_summary_written);
    }

    /** Number of points that were marked as noise. */
    public long marked() {
        return number(Low::groma_filter_summary_marked);
    }

    /** Everything, as a JSON object. */
    public String json() {
        return text(Low::groma_filter_summary_json);
    }
}
