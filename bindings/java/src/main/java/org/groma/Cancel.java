// A flag that stops calls.
package org.groma;

/** A flag that stops the calls it was given to, from any thread. It stays triggered; make a new one for new work. */
public final class Cancel extends NativeObject {
    /** Makes a flag that is not triggered. */
    public Cancel() {
        super(create());
    }

    private static Resource create() {
        try (Call call = new Call()) {
            return call.make(Low::groma_cancel_destroy, Low::groma_cancel_create);
        }
    }

    /**
     * Ends the calls within a fraction of a second; they throw {@link GromaException.Cancelled} and leave no partial file.
     */
    public void trigger() {
        number(h -> {
            Low.groma_cancel_trigger(h);
            return 0;
        });
    }

    /** Whether the flag was triggered. */
    public boolean isTriggered() {
        return number(h -> Low.groma_cancel_is_triggered(h)) != 0;
    }
}
