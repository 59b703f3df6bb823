// What went wrong: a status for programs, a sentence for people.
package org.groma;

/**
 * A call of the library failed. Its outputs are untouched; whatever took part stays usable. One subclass a block of statuses.
 */
public class GromaException extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** The kind of failure. */
    private final Status status;

    /** What it is about. */
    private final String subject;

    GromaException(Status status, String message, String subject) {
        super(message);
        this.status = status;
        this.subject = subject;
    }

    /** Why. */
    public Status status() {
        return status;
    }

    /** The file, column, tensor, model or device concerned; null if there is none. */
    public String subject() {
        return subject;
    }

    static GromaException of(int number, String message, String subject) {
        Status status = Status.of(number);
        switch (status.number / 100) {
            case 1: return new Argument(status, message, subject);
            case 2: return new File(status, message, subject);
            case 3: return new Model(status, message, subject);
            case 4: return new Device(status, message, subject);
            case 5: return new Cancelled(status, message, subject);
            default: return new Internal(status, message, subject);
        }
    }

    /** Something is wrong with arguments or inputs. */
    public static final class Argument extends GromaException {
        private static final long serialVersionUID = 1;

        Argument(Status status, String message, String subject) {
            super(status, message, subject);
        }
    }

    /** Something is wrong with a file; the subject is its path. */
    public static final class File extends GromaException {
        private static final long serialVersionUID = 1;

        File(Status status, String message, String subject) {
            super(status, message, subject);
        }
    }

    /** Something is wrong with a model or with ONNX Runtime. */
    public static final class Model extends GromaException {
        private static final long serialVersionUID = 1;

        Model(Status status, String message, String subject) {
            super(status, message, subject);
        }
    }

    /** A device cannot be used. */
    public static final class Device extends GromaException {
        private static final long serialVersionUID = 1;

        Device(Status status, String message, String subject) {
            super(status, message, subject);
        }
    }

    /** The caller cancelled. */
    public static final class Cancelled extends GromaException {
        private static final long serialVersionUID = 1;

        Cancelled(Status status, String message, String subject) {
            super(status, message, subject);
        }
    }

    /** A mistake of the library; please report it. */
    public static final class Internal extends GromaException {
        private static final long serialVersionUID = 1;

        Internal(Status status, String message, String subject) {
            super(status, message, subject);
        }
    }
}
