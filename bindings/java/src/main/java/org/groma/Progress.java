// Who is told about the progress of long calls.
package org.groma;

/** Told about every 50 ms, on the thread that made the call, and once at its end. */
@FunctionalInterface
public interface Progress {
    /**
     * Says how far a call is. What this throws cancels the call, and comes out of it.
     *
     * @param stage what is being done
     * @param done points of this stage that are done
     * @param total of how many; 0 while that is not known
     * @return true to go on, false to cancel
     */
    boolean tell(Stage stage, long done, long total) throws Exception;
}
