// A pointer of the library with the number of its users.
package org.groma;

import com.sun.jna.Pointer;
import java.lang.ref.Cleaner;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/** A pointer that is destroyed once: when its object was closed or forgotten, no call uses it, and no buffer looks at it. */
final class Resource implements Runnable {
    static final Cleaner CLEANER = Cleaner.create();

    private final Pointer pointer;
    private final Consumer<Pointer> destroy;
    private final AtomicInteger users = new AtomicInteger(1); // the object is one
    private final AtomicBoolean closed = new AtomicBoolean();
    private volatile long bytes;

    Resource(Pointer pointer, Consumer<Pointer> destroy) {
        this.pointer = pointer;
        this.destroy = destroy;
    }

    /** Says about how large what the pointer stands for is, which the collector cannot see. */
    void weigh(long size) {
        bytes = size;
        Weight.add(size);
    }

    boolean isClosed() {
        return closed.get();
    }

    /** Keeps the pointer from being destroyed until {@link #release}. */
    Pointer acquire(Class<?> type) {
        for (;;) {
            int now = users.get();
            if (closed.get() || now == 0) throw new IllegalStateException("this " + type.getSimpleName() + " is closed");
            if (users.compareAndSet(now, now + 1)) return pointer;
        }
    }

    void release() {
        if (users.decrementAndGet() > 0) return;
        destroy.accept(pointer);
        Weight.remove(bytes);
    }

    /** Closes: by the object's {@code close}, or when it was forgotten. */
    @Override
    public void run() {
        if (closed.compareAndSet(false, true)) release();
    }
}
