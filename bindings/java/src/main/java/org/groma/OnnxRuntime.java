// ONNX Runtime, which runs the models.
package org.groma;

import com.sun.jna.Pointer;

/** ONNX Runtime. It is loaded when a model is first opened, once in a process. */
public final class OnnxRuntime {
    private OnnxRuntime() {}

    /** Loads it now: the place to name a path, and to see what is wrong; null looks for it. */
    public static void load(String path) {
        try (Call call = new Call()) {
            Pointer file = call.text(path);
            call.act(error -> Low.groma_runtime_load(file, error));
        }
    }

    /** Uses the one that the host already has, by its {@code OrtApiBase}, before anything else loads one. */
    public static void use(Pointer ortApiBase) {
        try (Call call = new Call()) {
            call.act(error -> Low.groma_runtime_use(ortApiBase, error));
        }
    }

    /** Whether it is loaded. */
    public static boolean isLoaded() {
        Groma.load();
        return Low.groma_runtime_is_loaded() != 0;
    }

    /** Which one is used and how it was found, or why there is none, as a JSON object. */
    public static String describe() {
        try (Call call = new Call()) {
            return call.string(Low::groma_runtime_describe);
        }
    }
}
