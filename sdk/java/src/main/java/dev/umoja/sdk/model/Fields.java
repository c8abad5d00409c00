package dev.umoja.sdk.model;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** Reads values of answers. A value of another type than the API describes is an {@link IllegalArgumentException}. */
public final class Fields {
    private Fields() {}

    /**
     * An object.
     *
     * @param value what was parsed
     * @return its members
     */
    @SuppressWarnings("unchecked")
    public static Map<String, Object> object(Object value) {
        return (Map<String, Object>) as(Map.class, value);
    }

    static <T> List<T> list(Object value, Function<Object, T> item) {
        List<T> made = new ArrayList<>();
        for (Object one : as(List.class, value)) {
            made.add(item.apply(one));
        }
        return Collections.unmodifiableList(made);
    }

    static <T> Map<String, T> map(Object value, Function<Object, T> item) {
        Map<String, T> made = new LinkedHashMap<>();
        object(value).forEach((name, one) -> made.put(name, item.apply(one)));
        return Collections.unmodifiableMap(made);
    }

    static String text(Object value) {
        return as(String.class, value);
    }

    static Long integer(Object value) {
        return as(Long.class, value);
    }

    static Double number(Object value) {
        return as(Number.class, value).doubleValue();
    }

    static Boolean bool(Object value) {
        return as(Boolean.class, value);
    }

    static Object any(Object value) {
        return value;
    }

    private static <T> T as(Class<T> kind, Object value) {
        if (!kind.isInstance(value)) {
            throw new IllegalArgumentException("the answer does not have the form of the operation");
        }
        return kind.cast(value);
    }
}
