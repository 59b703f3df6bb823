// What the objects of the library have in common.
package org.groma;

import com.sun.jna.Pointer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.function.ToLongFunction;

/**
 * An object of the library. {@link #close} frees it as soon as no call uses it and no buffer looks into it; what is forgotten
 * is freed after it was collected. After it, methods throw {@link IllegalStateException}.
 *
 * <p>Buffers that methods return are read-only views in native byte order, without a copy. They are to be asked for before
 * {@code close}; one that is there already stays readable, since it keeps the memory until it is collected itself.
 */
public abstract class NativeObject implements AutoCloseable {
    private final Resource resource;

    NativeObject(Resource resource) {
        this.resource = resource;
        Resource.CLEANER.register(this, resource);
    }

    /** Frees the object; does nothing the second time. */
    @Override
    public void close() {
        resource.run();
    }

    /** Whether the object was closed. */
    public boolean isClosed() {
        return resource.isClosed();
    }

    /** The pointer for calls of {@link Low}, valid until {@link #close}; keep the object reachable meanwhile. */
    public Pointer pointer() {
        Pointer pointer = resource.acquire(getClass());
        resource.release();
        return pointer;
    }

    Resource resource() {
        return resource;
    }

    long number(ToLongFunction<Pointer> get) {
        Pointer pointer = resource.acquire(getClass());
        try {
            return get.applyAsLong(pointer);
        } finally {
            resource.release();
        }
    }

    double real(ToDoubleFunction<Pointer> get) {
        Pointer pointer = resource.acquire(getClass());
        try {
            return get.applyAsDouble(pointer);
        } finally {
            resource.release();
        }
    }

    <T> T get(Function<Pointer, T> get) {
        Pointer pointer = resource.acquire(getClass());
        try {
            return get.apply(pointer);
        } finally {
            resource.release();
        }
    }

    String text(Function<Pointer, Pointer> get) {
        return get(pointer -> Call.text(get.apply(pointer)));
    }

    String[] texts(long count, Function<Long, String> get) {
        String[] texts = new String[Math.toIntExact(count)];
        for (int i = 0; i < texts.length; i++) texts[i] = get.apply((long) i);
        return texts;
    }

    /** A view of bytes of this object, which keeps it until the view is collected; null for NULL. */
    ByteBuffer view(Function<Pointer, Pointer> data, long offset, long bytes) {
        if (bytes > Integer.MAX_VALUE) {
            throw new UnsupportedOperationException(bytes
                    + " bytes are too many for one buffer; take parts by Value.bytes(offset, size)");
        }
        Pointer start = data.apply(resource.acquire(getClass()));
        ByteBuffer buffer;
        if (start == null || bytes == 0) {
            resource.release();
            if (start == null && bytes > 0) return null;
            buffer = ByteBuffer.allocateDirect(0);
        } else {
            buffer = start.getByteBuffer(offset, bytes);
            // Views made of this buffer hold it, so the memory lasts as long as any of them.
            Resource.CLEANER.register(buffer, resource::release);
        }
        return buffer.asReadOnlyBuffer().order(ByteOrder.nativeOrder());
    }
}
