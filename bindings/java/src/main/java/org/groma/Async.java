// Long calls on threads of their own.
package org.groma;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.BiFunction;
import java.util.function.Supplier;

/** Runs calls on daemon threads. Whatever ends the future before the call does (cancelling it, a timeout) stops the call. */
final class Async {
    private static final ExecutorService THREADS = Executors.newCachedThreadPool(work -> {
        Thread thread = new Thread(work, "groma");
        thread.setDaemon(true);
        return thread;
    });

    private Async() {}

    /**
     * Prepares a call here, so that what it uses may be closed as soon as this returns, and makes it on another thread. What is
     * wrong comes out of the future.
     */
    static <T> CompletableFuture<T> run(BiFunction<Call, Cancel, Supplier<T>> prepare) {
        CompletableFuture<T> future = new CompletableFuture<>();
        Call call = new Call();
        Cancel cancel = null;
        try {
            cancel = new Cancel();
            Supplier<T> work = prepare.apply(call, cancel);
            Cancel flag = cancel;
            THREADS.execute(() -> work(future, work, call, flag));
            future.whenComplete((value, error) -> stop(flag));
        } catch (Throwable e) {
            end(call, cancel);
            future.completeExceptionally(e);
        }
        return future;
    }

    private static <T> void work(CompletableFuture<T> future, Supplier<T> work, Call call, Cancel cancel) {
        T value;
        try {
            value = work.get();
        } catch (Throwable e) {
            end(call, cancel);
            future.completeExceptionally(e);
            return;
        }
        end(call, cancel);
        if (future.complete(value)) return;
        if (value instanceof NativeObject) ((NativeObject) value).close();
        if (value instanceof Outputs) ((Outputs) value).close();
    }

    private static void end(Call call, Cancel cancel) {
        call.close();
        if (cancel != null) cancel.close();
    }

    private static void stop(Cancel cancel) {
        if (cancel.isClosed()) return; // the usual end
        try {
            cancel.trigger();
        } catch (IllegalStateException e) {
            // The call has ended in this moment.
        }
    }
}
