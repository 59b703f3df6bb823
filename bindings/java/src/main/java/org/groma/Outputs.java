// What a run of a network gives.
package org.groma;

import java.util.AbstractMap;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Values by name, in the order in which they were asked for. Closing it closes them. */
public final class Outputs extends AbstractMap<String, Value> implements AutoCloseable {
    private final Map<String, Value> values = new LinkedHashMap<>();

    Outputs(List<String> names, Value sequence) {
        for (int i = 0; i < names.size(); i++) values.put(names.get(i), sequence.item(i));
    }

    @Override
    public Set<Entry<String, Value>> entrySet() {
        return Collections.unmodifiableSet(values.entrySet());
    }

    /** Closes the values. */
    @Override
    public void close() {
        for (Value value : values.values()) value.close();
    }
}
