// What was done to a file.
package org.groma;

/** What a call did that made a file of another. */
public final class Summary extends NativeObject {
    Summary(Resource resource) {
        super(resource);
    }

    /** Number of points read and written. */
    public long points() {
        return number(Low::groma_summary_points);
    }

    /** Number of points of an ASPRS class in the output; 0 for calls that do not classify. */
    public long classPoints(int asprs) {
        return number(h -> Low.groma_summary_class_points(h, (byte) asprs));
    }

    /** Mean probability of the points' classes, 0...1; 0 where no model ran. */
    public double meanConfidence() {
        return real(Low::groma_summary_mean_confidence);
    }

    /** Wall-clock time of the whole call in seconds. */
    public double totalS() {
        return real(Low::groma_summary_total_s);
    }

    /** Everything, as a JSON object. */
    public String json() {
        return text(Low::groma_summary_json);
    }
}
