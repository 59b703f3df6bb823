// One call: its memory, its handles, its callback, and what comes back.
package org.groma;

import com.sun.jna.CallbackReference;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.Structure;
import java.lang.ref.Reference;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;

/** Holds memory and handles until a call is over, and turns what comes back into exceptions. */
final class Call implements AutoCloseable {
    /** A call with one output. */
    interface Maker {
        int make(Pointer made, Pointer error);
    }

    /** A call without outputs. */
    interface Doer {
        int act(Pointer error);
    }

    private static final int ERROR = 8;
    private final List<Memory> memory = new ArrayList<>();
    private final List<Resource> used = new ArrayList<>();
    private final List<Object> kept = new ArrayList<>();
    private final Memory outputs;
    private Low.groma_progress_fn callback;
    private Throwable thrown;
    private Pointer cancel;
    private Pointer progress;

    Call() {
        Groma.load();
        outputs = memory(16);
    }

    /** Prepares a call and makes it. */
    static <T> T run(Function<Call, Supplier<T>> prepare) {
        try (Call call = new Call()) {
            return prepare.apply(call).get();
        }
    }

    /** A UTF-8 string of the library; null for NULL. */
    static String text(Pointer text) {
        return text == null ? null : text.getString(0, "UTF-8");
    }

    /** What the field {@code cancel} of options gets. */
    Pointer cancel() {
        return cancel;
    }

    /** What the field {@code progress} of options gets. */
    Pointer progress() {
        return progress;
    }

    /** Memory until the end of the call. */
    Memory memory(long bytes) {
        Memory block = new Memory(Math.max(1, bytes));
        memory.add(block);
        return block;
    }

    /** Bytes with a NUL behind them. */
    Pointer bytes(byte[] bytes) {
        Memory block = memory(bytes.length + 1L);
        block.write(0, bytes, 0, bytes.length);
        block.setByte(bytes.length, (byte) 0);
        return block;
    }

    /** A string as UTF-8 with a NUL at its end; NULL for null. */
    Pointer text(String text) {
        if (text == null) return null;
        if (text.indexOf('\0') >= 0) {
            throw new IllegalArgumentException("a NUL character in “" + text.replace("\0", "\\0") + "”");
        }
        return bytes(text.getBytes(StandardCharsets.UTF_8));
    }

    /** An array of strings; NULL for null. */
    Pointer texts(List<String> texts) {
        if (texts == null) return null;
        Memory block = memory(8L * texts.size());
        for (int i = 0; i < texts.size(); i++) {
            if (texts.get(i) == null) throw new IllegalArgumentException("string " + i + " is null");
            block.setPointer((long) Native.POINTER_SIZE * i, text(texts.get(i)));
        }
        return block;
    }

    /** Numbers. */
    Pointer longs(long[] numbers) {
        if (numbers == null) return null;
        Memory block = memory(8L * numbers.length);
        block.write(0, numbers, 0, numbers.length);
        return block;
    }

    /** An array of handles. */
    Pointer handles(List<? extends NativeObject> objects) {
        Memory block = memory(8L * objects.size());
        for (int i = 0; i < objects.size(); i++) {
            if (objects.get(i) == null) throw new IllegalArgumentException("object " + i + " is null");
            block.setPointer((long) Native.POINTER_SIZE * i, use(objects.get(i)));
        }
        return block;
    }

    /** The pointer of an object, which is not destroyed before the end of the call. */
    Pointer use(NativeObject object) {
        Pointer pointer = object.resource().acquire(object.getClass());
        used.add(object.resource());
        return pointer;
    }

    /** Keeps an object reachable until the end of the call. */
    void keep(Object object) {
        kept.add(object);
    }

    /** A struct with the numbers of another, whose pointers are to be filled in before {@link #write}. */
    <T extends Structure> T copy(T from, Function<Pointer, T> view) {
        Memory block = memory(from.size());
        synchronized (from) {
            from.write();
            block.write(0, from.getPointer().getByteArray(0, from.size()), 0, from.size());
        }
        T copy = view.apply(block);
        copy.read();
        return copy;
    }

    /** Writes a struct to its memory, and keeps it. */
    Pointer write(Structure struct) {
        struct.write();
        kept.add(struct);
        return struct.getPointer();
    }

    /** Prepares progress and cancellation of a long call. */
    void watch(LongOptions<?> options, Cancel own) {
        Cancel asked = options == null ? null : options.cancel();
        Progress told = options == null ? null : options.progress();
        if (own != null) {
            cancel = use(own);
        } else if (asked != null) {
            cancel = use(asked);
            asked = null;
        }
        // Of two flags the call's own has the library's ear; the other is looked at whenever progress is told.
        if (told == null && asked == null) return;
        Cancel looked = asked;
        if (looked != null) use(looked);
        callback = (user, stage, done, total) -> {
            try {
                if (looked != null && looked.isTriggered()) return 1;
                return told == null || told.tell(Stage.of(stage), done, total) ? 0 : 1;
            } catch (Throwable e) {
                if (thrown == null) thrown = e;
                return 1;
            }
        };
        progress = CallbackReference.getFunctionPointer(callback);
    }

    /** A call that makes something that has to be destroyed. */
    Resource make(Consumer<Pointer> destroy, Maker maker) {
        outputs.clear();
        int status = maker.make(outputs, outputs.share(ERROR));
        Resource made = status == Low.GROMA_STATUS_OK ? new Resource(outputs.getPointer(0), destroy) : null;
        try {
            check(status);
        } catch (Throwable e) {
            if (made != null) made.run();
            throw e;
        }
        return made;
    }

    /** A call that makes a string. */
    String string(Maker maker) {
        Resource made = make(Low::groma_string_destroy, maker);
        Pointer pointer = made.acquire(String.class);
        try {
            Pointer data = Low.groma_string_data(pointer);
            byte[] bytes = data.getByteArray(0, Math.toIntExact(Low.groma_string_length(pointer)));
            return new String(bytes, StandardCharsets.UTF_8);
        } finally {
            made.release();
            made.run();
        }
    }

    /** A call that makes nothing. */
    void act(Doer doer) {
        outputs.clear();
        check(doer.act(outputs.share(ERROR)));
    }

    private void check(int status) {
        GromaException failure = null;
        if (status != Low.GROMA_STATUS_OK) {
            Pointer error = outputs.getPointer(ERROR);
            String message = text(Low.groma_error_message(error));
            failure = GromaException.of(Low.groma_error_code(error), message, text(Low.groma_error_subject(error)));
            Low.groma_error_destroy(error);
        }
        if (thrown != null) throw Call.<RuntimeException>unchecked(thrown);
        if (failure != null) throw failure;
    }

    // What a callback threw comes out as it was, checked or not.
    @SuppressWarnings("unchecked")
    private static <E extends Throwable> E unchecked(Throwable thrown) throws E {
        throw (E) thrown;
    }

    @Override
    public void close() {
        Reference.reachabilityFence(callback);
        Reference.reachabilityFence(kept);
        for (Resource resource : used) resource.release();
        for (Memory block : memory) block.close();
    }
}
