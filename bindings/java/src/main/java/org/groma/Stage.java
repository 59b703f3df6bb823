// What a long call is doing.
package org.groma;

/** What a long call is doing. */
public enum Stage {
    /** Nothing has begun. */
    START(Low.GROMA_STAGE_START),
    /** Reading and decoding points. */
    READ(Low.GROMA_STAGE_READ),
    /** Building the ground surfaces. */
    GROUND(Low.GROMA_STAGE_GROUND),
    /** Searching neighbours and computing features that other features need. */
    FEATURES(Low.GROMA_STAGE_FEATURES),
    /** Computing the remaining features and running the model. */
    INFERENCE(Low.GROMA_STAGE_INFERENCE),
    /** Encoding and writing points. */
    WRITE(Low.GROMA_STAGE_WRITE),
    /** Choosing which points stay. */
    FILTER(Low.GROMA_STAGE_FILTER),
    /** Something that this version does not know. */
    OTHER(-1);

    /** The number of the C interface. */
    public final int number;

    Stage(int number) {
        this.number = number;
    }

    static Stage of(int number) {
        for (Stage stage : values()) {
            if (stage.number == number) return stage;
        }
        return OTHER;
    }
}
