// What the options of all long calls have in common.
package org.groma;

/**
 * Progress and cancellation of long calls.
 *
 * @param <T> the options themselves
 */
public abstract class LongOptions<T extends LongOptions<T>> {
    private Progress progress;
    private Cancel cancel;

    LongOptions() {}

    /** Who is told what is being done; null (the default) for nobody. */
    public Progress progress() {
        return progress;
    }

    /** Sets {@link #progress()}. */
    public T progress(Progress progress) {
        this.progress = progress;
        return self();
    }

    /** A flag that may stop the call; null (the default) for none. */
    public Cancel cancel() {
        return cancel;
    }

    /** Sets {@link #cancel()}. */
    public T cancel(Cancel cancel) {
        this.cancel = cancel;
        return self();
    }

    @SuppressWarnings("unchecked")
    final T self() {
        return (T) this;
    }
}
