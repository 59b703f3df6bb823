// Tests of what calls hold while they run, and of what is forgotten.
package org.groma;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/** The tests. */
final class TestsOfCalls {
    private TestsOfCalls() {}

    static void started() throws Exception {
        Points points = Tests.survey(Tests.SIDE);
        for (int i = 0; i < 50; i++) {
            Model model = Model.openDefault();
            Value numbers = Value.of(new double[] {1, 2, 3});
            Column column = Column.of(numbers);
            CompletableFuture<Result> classified = model.classifyAsync(points, null);
            CompletableFuture<Features> computed = Features.computeAsync(Points.of(column, column, column), "planarity@k2", null);
            model.close();
            numbers.close();
            try (Result result = classified.get(); Features features = computed.get()) {
                Tests.equal(result.count(), (long) Tests.SIDE * Tests.SIDE);
                Tests.equal(features.rows(), 3L);
            }
            Throwable closed = Tests.thrown(ExecutionException.class, () -> model.classifyAsync(points, null).get()).getCause();
            Tests.check(closed instanceof IllegalStateException, String.valueOf(closed));
        }
    }

    static void timeout() throws Exception {
        Points points = Tests.survey(Tests.LONG_SIDE);
        AtomicInteger reports = new AtomicInteger();
        AtomicBoolean ended = new AtomicBoolean();
        try (Model model = Model.openDefault()) {
            ClassifyOptions options = new ClassifyOptions().progress((stage, done, total) -> {
                reports.incrementAndGet();
                if (done == points.count() && stage == Stage.INFERENCE) ended.set(true);
                return true;
            });
            CompletableFuture<Result> future = model.classifyAsync(points, options).orTimeout(100, TimeUnit.MILLISECONDS);
            Throwable late = Tests.thrown(ExecutionException.class, future::get).getCause();
            Tests.check(late instanceof TimeoutException, String.valueOf(late));
            for (int before = -1; before != reports.get(); Thread.sleep(300)) before = reports.get(); // until it is silent
            Tests.check(!ended.get(), "the call went on to its end");
        }
    }

    static void forgottenUnderLoad() throws IOException {
        Path statistics = Path.of("/proc/self/statm");
        if (!Files.exists(statistics)) return;
        float[] numbers = new float[1 << 20];
        long before = resident(statistics);
        long most = 0;
        for (int i = 0; i < 400; i++) {
            Value.of(numbers);
            most = Math.max(most, resident(statistics) - before);
        }
        Tests.check(most < 800 << 20, "400 forgotten values of 4 MB took " + most + " bytes");
    }

    private static long resident(Path statistics) throws IOException {
        return 4096 * Long.parseLong(Files.readString(statistics).split(" ")[1]);
    }

    static void logsInside() throws InterruptedException {
        CountDownLatch inside = new CountDownLatch(1);
        AtomicBoolean once = new AtomicBoolean();
        Log.set((level, target, message) -> {
            if (once.getAndSet(true)) return;
            inside.countDown();
            try {
                Thread.sleep(200); // until the other thread waits for this listener
            } catch (InterruptedException e) {
                throw new Failed(e.toString());
            }
            Log.set(null, LogLevel.ERROR);
        }, LogLevel.DEBUG);
        // Its opening is told; tests run in the project's root.
        Thread caller = new Thread(() -> Network.open("tests/models/values/same_f32.onnx", null).close());
        Thread setter = new Thread(() -> {
            try {
                inside.await();
            } catch (InterruptedException e) {
                throw new Failed(e.toString());
            }
            Log.set(null, LogLevel.ERROR);
        });
        for (Thread thread : new Thread[] {caller, setter}) {
            thread.setDaemon(true);
            thread.start();
        }
        for (Thread thread : new Thread[] {caller, setter}) {
            thread.join(30000);
            Tests.check(!thread.isAlive(), "they wait for each other");
        }
    }
}
