// Checkpoints: weights and states of training in safetensors files.
package org.groma;

import com.sun.jna.Pointer;
import java.util.List;

/** Named tensors in three sections, with metadata. Only one thread at a time may add. */
public final class Checkpoint extends NativeObject {
    private Checkpoint(Resource resource) {
        super(resource);
    }

    /**
     * Makes an empty checkpoint.
     *
     * @param metadataJson a JSON object with {@code schema_hash}, {@code classes}, {@code training_data}, {@code version},
     *     {@code step}, {@code extra}; null for none
     */
    public static Checkpoint create(String metadataJson) {
        try (Call call = new Call()) {
            Pointer metadata = call.text(metadataJson);
            return new Checkpoint(call.make(Low::groma_checkpoint_destroy, (checkpoint, error) ->
                    Low.groma_checkpoint_create(metadata, checkpoint, error)));
        }
    }

    /** Opens a safetensors file. */
    public static Checkpoint open(String path) {
        try (Call call = new Call()) {
            Pointer file = call.text(path);
            return new Checkpoint(call.make(Low::groma_checkpoint_destroy, (checkpoint, error) ->
                    Low.groma_checkpoint_open(file, checkpoint, error)));
        }
    }

    /** Adds a tensor, which may be closed afterwards. */
    public void add(Section section, String name, Value value) {
        try (Call call = new Call()) {
            Pointer checkpoint = call.use(this);
            Pointer called = call.text(name);
            Pointer of = call.use(value);
            call.act(error -> Low.groma_checkpoint_add(checkpoint, section.number, called, of, error));
        }
    }

    /** Writes a safetensors file, which appears whole or not at all, and may replace one if so said. */
    public void save(String path, boolean overwrite) {
        try (Call call = new Call()) {
            Pointer checkpoint = call.use(this);
            Pointer file = call.text(path);
            call.act(error -> Low.groma_checkpoint_save(checkpoint, file, overwrite ? 1 : 0, error));
        }
    }

    /** Number of tensors of a section. */
    public long count(Section section) {
        return number(h -> Low.groma_checkpoint_count(h, section.number));
    }

    /** Name of a tensor; null if there is no such one. */
    public String name(Section section, long index) {
        return text(h -> Low.groma_checkpoint_name(h, section.number, index));
    }

    /** Names of the tensors of a section. */
    public List<String> names(Section section) {
        return List.of(texts(count(section), index -> name(section, index)));
    }

    /** A tensor. */
    public Value value(Section section, String name) {
        try (Call call = new Call()) {
            Pointer checkpoint = call.use(this);
            Pointer called = call.text(name);
            return new Value(call.make(Low::groma_value_destroy, (value, error) ->
                    Low.groma_checkpoint_value(checkpoint, section.number, called, value, error)));
        }
    }

    /** The metadata as a JSON object. */
    public String metadataJson() {
        return text(Low::groma_checkpoint_metadata_json);
    }
}
