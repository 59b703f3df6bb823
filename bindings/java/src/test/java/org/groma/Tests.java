// Tests of the native layer: lifetimes, callbacks, threads. org.groma.Tests [NAME...]; the vectors test what calls give.
package org.groma;

import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.ReadOnlyBufferException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicInteger;

/** The tests. */
public final class Tests {
    static final int SIDE = 40;
    static final int LONG_SIDE = 1000; // of a survey that takes longer than the first report of progress

    private Tests() {}

    interface Test {
        void run() throws Exception;
    }

    /** Runs all tests, or those named; ends with 1 if any failed. */
    public static void main(String[] names) {
        Map<String, Test> all = new LinkedHashMap<>();
        all.put("a closed object says so", Tests::closedObjects);
        all.put("a buffer outlives its object", Tests::buffersOutlive);
        all.put("a value outlives what it came from", Tests::valuesOutlive);
        all.put("what is forgotten is freed", Tests::forgotten);
        all.put("a wrapped buffer is neither copied nor kept too long", Tests::wrappedBuffers);
        all.put("a thousand models are opened and closed", Tests::manyModels);
        all.put("an object is freed after the calls that use it", Tests::closeDuringCalls);
        all.put("what a callback throws comes out of the call", Tests::throwingCallbacks);
        all.put("callbacks and flags cancel", Tests::cancelling);
        all.put("futures run elsewhere and are cancelled", Tests::futures);
        all.put("eight threads share a model", Tests::sharedModel);
        all.put("columns lie anywhere", TestsOfArrays::columns);
        all.put("columns beyond their arrays are refused", TestsOfArrays::columnsRefused);
        all.put("values are what was given", TestsOfArrays::values);
        all.put("values are not seen as what they are not", TestsOfArrays::valuesRefused);
        all.put("errors carry status, sentence and subject", Tests::errors);
        all.put("a log listener that throws does no harm", Tests::logs);
        all.put("a log listener sets the log while another thread does", TestsOfCalls::logsInside);
        all.put("a started call needs no living objects", TestsOfCalls::started);
        all.put("a timeout stops the call", TestsOfCalls::timeout);
        all.put("forgotten values do not pile up", TestsOfCalls::forgottenUnderLoad);
        int failed = 0;
        for (Map.Entry<String, Test> test : all.entrySet()) {
            if (names.length > 0 && !Arrays.asList(names).contains(test.getKey())) continue;
            long start = System.nanoTime();
            try {
                test.getValue().run();
                System.out.println("ok " + test.getKey() + " (" + (System.nanoTime() - start) / 1000000 + " ms)");
            } catch (Throwable e) {
                failed++;
                System.out.println("FAILED " + test.getKey() + ": " + e);
                e.printStackTrace(System.out);
            }
        }
        System.out.println(failed + " failed");
        System.exit(failed == 0 ? 0 : 1);
    }

    static double[] grid(int side) {
        double[] xyz = new double[3 * side * side];
        for (int i = 0; i < side * side; i++) {
            xyz[3 * i] = 0.5 * (i % side);
            xyz[3 * i + 1] = 0.5 * (i / side);
            xyz[3 * i + 2] = 0.01 * (i * 7919 % 13);
        }
        return xyz;
    }

    static Points survey(int side) {
        byte[] ones = new byte[side * side];
        Arrays.fill(ones, (byte) 1);
        return Points.ofInterleaved(grid(side)).add("return_number", Column.of(ones)).add("number_of_returns", Column.of(ones));
    }

    static void check(boolean condition, String what) {
        if (!condition) throw new Failed(what);
    }

    static void equal(Object is, Object expected) {
        if (!Objects.equals(is, expected)) throw new Failed(is + ", expected " + expected);
    }

    static <T extends Throwable> T thrown(Class<T> type, Test action) {
        try {
            action.run();
        } catch (Throwable e) {
            if (type.isInstance(e)) return type.cast(e);
            throw new Failed(e + ", expected " + type.getSimpleName());
        }
        throw new Failed("nothing was thrown, expected " + type.getSimpleName());
    }

    static float[] array(FloatBuffer buffer) {
        float[] copy = new float[buffer.remaining()];
        buffer.duplicate().get(copy);
        return copy;
    }

    private static void closedObjects() {
        Points points = survey(SIDE);
        Model model = Model.openDefault();
        Result result = model.classify(points);
        model.close();
        model.close();
        check(model.isClosed(), "the model is closed");
        thrown(IllegalStateException.class, model::name);
        thrown(IllegalStateException.class, () -> model.classify(points));
        thrown(IllegalStateException.class, () -> Model.openEnsemble(List.of(model), null, Combine.MEAN));
        equal(result.count(), (long) SIDE * SIDE); // it does not need the model
        result.close();
        thrown(IllegalStateException.class, result::count);
        thrown(IllegalStateException.class, result::classes);
        thrown(IllegalStateException.class, result::pointer);
        Cancel cancel = new Cancel();
        cancel.close();
        thrown(IllegalStateException.class, cancel::trigger);
        thrown(IllegalStateException.class, () -> Features.compute(points, "planarity@k20",
                new FeaturesOptions().cancel(cancel)));
        Value value = Value.of(new double[] {1, 2, 3});
        Column column = Column.of(value);
        value.close();
        thrown(IllegalStateException.class, () -> Features.compute(Points.of(column, column, column), "planarity@k20"));
    }

    private static void buffersOutlive() throws InterruptedException {
        FloatBuffer values;
        float[] expected;
        try (Features features = Features.compute(survey(SIDE), "planarity@k20")) {
            values = features.values().slice();
            expected = array(values);
            equal(values.remaining(), SIDE * SIDE);
            thrown(ReadOnlyBufferException.class, () -> features.values().put(0, 1));
            thrown(IndexOutOfBoundsException.class, () -> features.values().get(SIDE * SIDE));
        }
        // Other objects of the same size take the memory, if it is free.
        for (int i = 0; i < 20; i++) {
            System.gc();
            Features.compute(survey(SIDE), "normal_z@k20").close();
        }
        check(Arrays.equals(array(values), expected), "the buffer is as it was");
    }

    private static void valuesOutlive() {
        float[] expected;
        Value confidence;
        Value features;
        try (Model model = Model.openDefault(); Result result = model.classify(survey(SIDE))) {
            expected = array(result.confidence());
            confidence = result.value(Output.CONFIDENCE);
            equal(confidence.data(), Low.groma_result_confidence(result.pointer())); // no copy
        }
        try (Features computed = Features.compute(survey(SIDE), "planarity@k20")) {
            features = computed.value();
        }
        Value item;
        try (Value sequence = Value.sequence(List.of(confidence, features))) {
            item = sequence.item(0);
        }
        check(Arrays.equals(array(confidence.floats()), expected), "the value is what the result was");
        confidence.close();
        check(Arrays.equals(array(item.floats()), expected), "the item is what the value was");
        equal(features.shape()[0], (long) SIDE * SIDE);
        item.close();
        features.close();
    }

    private static void forgotten() throws InterruptedException {
        int before = DlPack.held();
        for (int i = 0; i < 100; i++) Value.wrap(direct(i, i, i));
        for (int i = 0; i < 50 && DlPack.held() > before; i++) {
            System.gc();
            Thread.sleep(10);
        }
        check(DlPack.held() - before <= 5, DlPack.held() - before + " of 100 forgotten values are still there");
        // A buffer holds its object's memory for as long as it is reachable, not longer.
        FloatBuffer view = Value.wrap(direct(1, 2, 3)).floats();
        for (int i = 0; i < 10; i++) {
            System.gc();
            Thread.sleep(5);
        }
        equal(view.get(2), 3f);
        check(DlPack.held() > before, "the buffer's memory");
        view = null;
        for (int i = 0; i < 50 && DlPack.held() > before; i++) {
            System.gc();
            Thread.sleep(10);
        }
        check(DlPack.held() - before <= 5, "the buffer is gone, and its memory is not");
    }

    private static FloatBuffer direct(float... numbers) {
        FloatBuffer buffer = ByteBuffer.allocateDirect(4 * numbers.length).order(ByteOrder.nativeOrder()).asFloatBuffer();
        buffer.put(numbers).flip();
        return buffer;
    }

    private static void wrappedBuffers() {
        int before = DlPack.held();
        FloatBuffer numbers = direct(1, 2, 3, 4, 5, 6, 7);
        numbers.position(1);
        Value value = Value.wrap(numbers, 2, 3);
        equal(DlPack.held(), before + 1);
        equal(value.data(), Native.getDirectBufferPointer(numbers).share(4));
        check(Arrays.equals(value.shape(), new long[] {2, 3}), "the shape");
        Value sequence = Value.sequence(List.of(value));
        value.close();
        equal(DlPack.held(), before + 1); // the sequence still uses it
        Value item = sequence.item(0);
        sequence.close();
        check(Arrays.equals(array(item.floats()), new float[] {2, 3, 4, 5, 6, 7}), "the numbers");
        item.close();
        thrown(IllegalArgumentException.class, () -> Value.wrap(numbers, 2, 2));
        thrown(IllegalArgumentException.class, () -> Value.wrap(FloatBuffer.allocate(3), 3));
        thrown(IllegalArgumentException.class, () ->
                Value.wrap(ByteBuffer.allocateDirect(16).order(ByteOrder.BIG_ENDIAN).asFloatBuffer(), 4));
        // Out by DLPack and in again: the same memory.
        Value out = Value.wrap(numbers);
        Pointer data = out.data();
        Pointer managed = out.toDlPack();
        out.close();
        try (Value back = Value.fromDlPack(managed)) {
            equal(back.data(), data);
        }
        for (int i = 0; i < 50 && DlPack.held() > before; i++) System.gc(); // views hold memory until they are collected
    }

    private static void manyModels() throws IOException {
        long after = 0;
        for (int i = 0; i < 1000; i++) {
            try (Model model = Model.openDefault()) {
                equal(model.classCount(), 4L);
            }
            if (i == 500) after = resident();
        }
        long grown = resident() - after;
        check(grown < 64 << 20, "500 models left " + grown + " bytes");
    }

    // Resident bytes of this process; 0 where the system does not say.
    private static long resident() throws IOException {
        System.gc();
        Path statistics = Path.of("/proc/self/statm");
        return Files.exists(statistics) ? 4096 * Long.parseLong(Files.readString(statistics).split(" ")[1]) : 0;
    }

    private static void closeDuringCalls() throws InterruptedException {
        Points points = survey(SIDE);
        for (int i = 0; i < 20; i++) {
            Model model = Model.openDefault();
            Throwable[] thrown = new Throwable[1];
            Thread thread = new Thread(() -> {
                try {
                    while (true) model.classify(points).close();
                } catch (Throwable e) {
                    thrown[0] = e;
                }
            });
            thread.start();
            Thread.sleep(i);
            model.close();
            thread.join();
            check(thrown[0] instanceof IllegalStateException, String.valueOf(thrown[0]));
        }
    }

    private static void throwingCallbacks() {
        Points points = survey(SIDE);
        try (Model model = Model.openDefault()) {
            IOException mine = new IOException("mine");
            ClassifyOptions options = new ClassifyOptions().progress((stage, done, total) -> {
                throw mine;
            });
            check(thrown(IOException.class, () -> model.classify(points, options)) == mine, "the exception itself");
            try (Result result = model.classify(points)) {
                equal(result.count(), (long) SIDE * SIDE);
            }
            // A callback may call the library.
            long[] inside = new long[1];
            model.classify(points, options.progress((stage, done, total) -> {
                inside[0] = model.classCount();
                return true;
            })).close();
            equal(inside[0], 4L);
        }
        thrown(AssertionError.class, () -> Features.compute(points, "planarity@k20", new FeaturesOptions().progress((stage, done,
                total) -> {
            throw new AssertionError();
        })));
    }

    private static void cancelling() {
        Points points = survey(LONG_SIDE);
        try (Model model = Model.openDefault(); Cancel cancel = new Cancel()) {
            ClassifyOptions stop = new ClassifyOptions().progress((stage, done, total) -> false);
            equal(thrown(GromaException.Cancelled.class, () -> model.classify(points, stop)).status(), Status.CANCELLED);
            check(!cancel.isTriggered(), "a fresh flag");
            ClassifyOptions late = new ClassifyOptions().cancel(cancel).progress((stage, done, total) -> {
                cancel.trigger();
                return true;
            });
            thrown(GromaException.Cancelled.class, () -> model.classify(points, late));
            check(cancel.isTriggered(), "a triggered flag");
            model.classify(survey(SIDE)).close();
        }
    }

    private static void futures() throws Exception {
        Points points = survey(LONG_SIDE);
        try (Model model = Model.openDefault()) {
            Thread[] told = new Thread[1];
            ClassifyOptions options = new ClassifyOptions().progress((stage, done, total) -> {
                told[0] = Thread.currentThread();
                return true;
            });
            try (Result result = model.classifyAsync(survey(SIDE), options).get()) {
                equal(result.count(), (long) SIDE * SIDE);
            }
            check(told[0] != null && told[0] != Thread.currentThread(), "progress is told on the thread of the call");
            CompletableFuture<Boolean> begun = new CompletableFuture<>();
            CompletableFuture<Boolean> ended = new CompletableFuture<>();
            AtomicInteger reports = new AtomicInteger();
            CompletableFuture<Result> future = model.classifyAsync(points, options.progress((stage, done, total) -> {
                begun.complete(true);
                reports.incrementAndGet();
                if (done == points.count() && stage == Stage.INFERENCE) ended.complete(true);
                return true;
            }));
            begun.get();
            future.cancel(true);
            thrown(CancellationException.class, future::get);
            // A flag in the options counts beside the future.
            try (Cancel cancel = new Cancel()) {
                cancel.trigger();
                CompletableFuture<Result> flagged = model.classifyAsync(points, new ClassifyOptions().cancel(cancel));
                check(thrown(ExecutionException.class, flagged::get).getCause() instanceof GromaException.Cancelled, "the flag");
            }
            for (int before = -1; before != reports.get(); Thread.sleep(300)) before = reports.get(); // until it is silent
            check(!ended.isDone(), "the cancelled call went on to its end");
            CompletableFuture<Features> wrong = Features.computeAsync(points, "no_such_feature", null);
            GromaException cause = (GromaException) thrown(ExecutionException.class, wrong::get).getCause();
            equal(cause.status(), Status.UNKNOWN_FEATURE);
        }
    }

    private static void sharedModel() throws Exception {
        Points points = survey(SIDE);
        try (Model model = Model.openDefault(); Result expected = model.classify(points)) {
            ByteBuffer classes = expected.classes();
            FloatBuffer confidence = expected.confidence();
            List<Throwable> wrong = new ArrayList<>();
            List<Thread> threads = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                int count = 1 + i % 2;
                Thread thread = new Thread(() -> {
                    try {
                        for (int round = 0; round < 5; round++) {
                            try (Result result = model.classify(points, new ClassifyOptions().threads(count))) {
                                check(result.classes().equals(classes.duplicate()), "the classes differ");
                                check(result.confidence().equals(confidence.duplicate()), "the confidences differ");
                            }
                        }
                    } catch (Throwable e) {
                        synchronized (wrong) {
                            wrong.add(e);
                        }
                    }
                });
                threads.add(thread);
                thread.start();
            }
            for (Thread thread : threads) thread.join();
            check(wrong.isEmpty(), wrong.toString());
        }
    }

    private static void errors() {
        GromaException error = thrown(GromaException.File.class, () -> Model.open("/no/such/modèle.onnx"));
        equal(error.status(), Status.NOT_FOUND);
        equal(error.subject(), "/no/such/modèle.onnx");
        check(error.getMessage().contains("/no/such/modèle.onnx"), error.getMessage());
        thrown(GromaException.Argument.class, () -> Model.open(null));
        equal(Groma.statusName(Status.CLASS_OUT_OF_RANGE.number), "CLASS_OUT_OF_RANGE");
        check(Groma.doctor().startsWith("{"), "the doctor speaks JSON");
        for (Status status : Status.values()) equal(Groma.statusName(status.number), status.name());
        equal(Status.of(399), Status.MODEL_LOAD); // of a newer library
        equal(Status.of(777), Status.INTERNAL);
    }

    private static void logs() {
        Log.set((level, target, message) -> {
            throw new IllegalStateException("lost");
        }, LogLevel.DEBUG);
        try (Model model = Model.openDefault()) {
            model.classify(survey(SIDE)).close();
        }
        Log.set(null, LogLevel.ERROR);
    }
}
