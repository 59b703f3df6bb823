// Why a call failed.
package org.groma;

/** Why a call failed. A number that this version does not know is given as the first of its block. */
public enum Status {
    /** Nothing is wrong. */
    OK(Low.GROMA_STATUS_OK),
    /** An argument is out of its range or contradicts another. */
    INVALID_ARGUMENT(Low.GROMA_STATUS_INVALID_ARGUMENT),
    /** The input lacks a column that is needed; the subject is its name. */
    MISSING_COLUMN(Low.GROMA_STATUS_MISSING_COLUMN),
    /** A feature name that the schema does not know; the subject is that name. */
    UNKNOWN_FEATURE(Low.GROMA_STATUS_UNKNOWN_FEATURE),
    /** Two feature schemas differ. */
    SCHEMA_MISMATCH(Low.GROMA_STATUS_SCHEMA_MISMATCH),
    /** The operating system refused a file operation; the subject is the path. */
    IO(Low.GROMA_STATUS_IO),
    /** A file or folder does not exist; the subject is the path. */
    NOT_FOUND(Low.GROMA_STATUS_NOT_FOUND),
    /** A damaged file; the subject is the path. */
    MALFORMED(Low.GROMA_STATUS_MALFORMED),
    /** A sound file of a kind that is not supported. */
    UNSUPPORTED(Low.GROMA_STATUS_UNSUPPORTED),
    /** A class that the point format cannot hold; the message names the upgrade. */
    CLASS_OUT_OF_RANGE(Low.GROMA_STATUS_CLASS_OUT_OF_RANGE),
    /** The output exists and may not be replaced. */
    OUTPUT_EXISTS(Low.GROMA_STATUS_OUTPUT_EXISTS),
    /** ONNX Runtime refused a model. */
    MODEL_LOAD(Low.GROMA_STATUS_MODEL_LOAD),
    /** A model's manifest is missing or says something impossible. */
    MANIFEST(Low.GROMA_STATUS_MANIFEST),
    /** Tensors are not what a model declares; the subject is the tensor. */
    MODEL_MISMATCH(Low.GROMA_STATUS_MODEL_MISMATCH),
    /** A run of a model failed. */
    INFERENCE(Low.GROMA_STATUS_INFERENCE),
    /** No ONNX Runtime was found. */
    RUNTIME_NOT_FOUND(Low.GROMA_STATUS_RUNTIME_NOT_FOUND),
    /** The file named as ONNX Runtime cannot serve as one. */
    RUNTIME_UNUSABLE(Low.GROMA_STATUS_RUNTIME_UNUSABLE),
    /** The ONNX Runtime is older than the oldest one supported. */
    RUNTIME_TOO_OLD(Low.GROMA_STATUS_RUNTIME_TOO_OLD),
    /** Another ONNX Runtime is already in use by this process. */
    RUNTIME_CONFLICT(Low.GROMA_STATUS_RUNTIME_CONFLICT),
    /** A device that was asked for cannot be used; the subject is its name. */
    DEVICE_UNAVAILABLE(Low.GROMA_STATUS_DEVICE_UNAVAILABLE),
    /** A device has too little memory left for what was asked of it; the subject is its name. */
    DEVICE_MEMORY(Low.GROMA_STATUS_DEVICE_MEMORY),
    /** A device stopped to work while it was in use; the subject is its name. */
    DEVICE_FAILED(Low.GROMA_STATUS_DEVICE_FAILED),
    /** The caller cancelled. */
    CANCELLED(Low.GROMA_STATUS_CANCELLED),
    /** A promise inside the library does not hold; please report it. */
    INTERNAL(Low.GROMA_STATUS_INTERNAL),
    /** A panic was caught at the boundary; please report it and close what took part. */
    PANIC(Low.GROMA_STATUS_PANIC);

    /** The number of the C interface. */
    public final int number;

    Status(int number) {
        this.number = number;
    }

    static Status of(int number) {
        Status first = INTERNAL;
        for (Status status : values()) {
            if (status.number == number) return status;
            if (status.number / 100 == number / 100 && (first == INTERNAL)) first = status;
        }
        return first;
    }
}
