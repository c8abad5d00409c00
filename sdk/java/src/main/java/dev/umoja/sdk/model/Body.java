package dev.umoja.sdk.model;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/** What a request sends: members as the API names them. */
public abstract class Body {
    private final Map<String, Object> members = new LinkedHashMap<>();

    Body() {}

    /**
     * The members that were given.
     *
     * @return the members, in the order in which they were given
     */
    public Map<String, Object> members() {
        return Collections.unmodifiableMap(members);
    }

    void put(String name, Object value) {
        if (value == null) {
            members.remove(name);
        } else {
            members.put(name, value);
        }
    }

    void putOrNull(String name, Object value) {
        members.put(name, value);
    }
}
