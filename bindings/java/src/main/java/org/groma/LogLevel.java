// How grave a message is; the later ones are the more verbose.
package org.groma;

/** How grave a message is; the later ones are the more verbose. */
public enum LogLevel {
    /** Something failed. */
    ERROR(Low.GROMA_LOG_ERROR),
    /** Something is suspicious. */
    WARN(Low.GROMA_LOG_WARN),
    /** What was done. */
    INFO(Low.GROMA_LOG_INFO),
    /** How it was done. */
    DEBUG(Low.GROMA_LOG_DEBUG);

    /** The number of the C interface. */
    public final int number;

    LogLevel(int number) {
        this.number = number;
    }

    static LogLevel of(int number) {
        for (LogLevel logLevel : values()) {
            if (logLevel.number == number) return logLevel;
        }
        return DEBUG;
    }
}
