// Messages of the library and of ONNX Runtime.
package org.groma;

import com.sun.jna.CallbackReference;
import java.util.ArrayList;
import java.util.List;

/** Messages of the library and of ONNX Runtime. Silent until asked. */
public final class Log {
    /** Gets messages, on threads that are inside a call of the library. */
    @FunctionalInterface
    public interface Listener {
        /**
         * A message. What this throws is dropped.
         *
         * @param level how grave it is
         * @param target the part that says it
         * @param message what it says
         */
        void message(LogLevel level, String target, String message);
    }

    // Never collected: a call on another thread may hold the one before while it is replaced.
    private static final List<Low.groma_log_fn> KEPT = new ArrayList<>();

    private Log() {}

    /** Hands messages up to a level to a listener, in place of the one before; null for silence. */
    public static void set(Listener listener, LogLevel level) {
        Low.groma_log_fn callback = listener == null ? null : (user, grave, target, message) -> {
            try {
                listener.message(LogLevel.of(grave), Call.text(target), Call.text(message));
            } catch (RuntimeException | Error e) {
                // There is nobody whom it could reach.
            }
        };
        // Not around the call, which waits for a listener on another thread; that one may be in this method.
        if (callback != null) {
            synchronized (KEPT) {
                KEPT.add(callback);
            }
        }
        try (Call call = new Call()) {
            call.act(error -> Low.groma_log_set(
                    callback == null ? null : CallbackReference.getFunctionPointer(callback), null, level.number, error));
        }
    }
}
