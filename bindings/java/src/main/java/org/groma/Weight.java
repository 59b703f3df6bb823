// How much memory is behind the living objects.
package org.groma;

import java.util.concurrent.atomic.AtomicLong;

/**
 * Bytes of the living objects. To the collector they are tiny, so that it would let forgotten ones pile up; it is called when
 * they have doubled.
 */
final class Weight {
    private static final long LITTLE = 256L << 20;
    private static final AtomicLong LIVING = new AtomicLong();
    private static final AtomicLong LIMIT = new AtomicLong(LITTLE);

    private Weight() {}

    static void add(long bytes) {
        long now = LIVING.addAndGet(bytes);
        if (now < LIMIT.get()) return;
        LIMIT.set(2 * now);
        System.gc();
    }

    static void remove(long bytes) {
        long next = Math.max(LITTLE, 2 * LIVING.addAndGet(-bytes));
        LIMIT.accumulateAndGet(next, Math::min);
    }
}
