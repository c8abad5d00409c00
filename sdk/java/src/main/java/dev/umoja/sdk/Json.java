package dev.umoja.sdk;

import dev.umoja.sdk.model.Body;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * JSON (RFC 8259), which the JDK does not have. Objects are maps, arrays lists; integers are Long or BigInteger, other numbers Double.
 */
final class Json {
    private static final int MAX_DEPTH = 128;

    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    /** The value of a text, or an IllegalArgumentException. */
    static Object parse(String text) {
        Json json = new Json(text);
        Object value = json.value(0);
        json.space();
        if (json.at != text.length()) {
            throw json.wrong();
        }
        return value;
    }

    /** Without spaces, and with the escapes that JSON needs only. */
    static String write(Object value) {
        StringBuilder out = new StringBuilder();
        write(value, out);
        return out.toString();
    }

    private static void write(Object value, StringBuilder out) {
        if (value instanceof Body body) {
            write(body.members(), out);
        } else if (value instanceof Map<?, ?> map) {
            String glue = "{";
            for (Map.Entry<?, ?> entry : map.entrySet()) {
                out.append(glue);
                quote(String.valueOf(entry.getKey()), out);
                write(entry.getValue(), out.append(':'));
                glue = ",";
            }
            out.append(map.isEmpty() ? "{}" : "}");
        } else if (value instanceof Iterable<?> list) {
            out.append('[');
            String glue = "";
            for (Object one : list) {
                write(one, out.append(glue));
                glue = ",";
            }
            out.append(']');
        } else if (value instanceof CharSequence) {
            quote(value.toString(), out);
        } else if (value == null || value instanceof Boolean || isFinite(value)) {
            out.append(value);
        } else {
            throw new IllegalArgumentException("this cannot be written as JSON: " + value.getClass());
        }
    }

    private static boolean isFinite(Object value) {
        return value instanceof Number number && Double.isFinite(number.doubleValue());
    }

    private static void quote(String text, StringBuilder out) {
        out.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            int escape = "\"\\\b\f\n\r\t".indexOf(c);
            if (escape >= 0) {
                out.append('\\').append("\"\\bfnrt".charAt(escape));
            } else if (c < ' ') {
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        out.append('"');
    }

    private Object value(int depth) {
        space();
        if (at == text.length() || depth > MAX_DEPTH) {
            throw wrong();
        }
        char c = text.charAt(at);
        return switch (c) {
            case '{' -> object(depth);
            case '[' -> array(depth);
            case '"' -> string();
            case 't' -> word("true", true);
            case 'f' -> word("false", false);
            case 'n' -> word("null", null);
            default -> number();
        };
    }

    private Map<String, Object> object(int depth) {
        Map<String, Object> members = new LinkedHashMap<>();
        at++;
        space();
        if (next('}')) {
            return members;
        }
        do {
            space();
            String name = string();
            space();
            expect(':');
            if (members.put(name, value(depth + 1)) != null) {
                throw wrong();
            }
            space();
        } while (next(','));
        expect('}');
        return members;
    }

    private List<Object> array(int depth) {
        List<Object> items = new ArrayList<>();
        at++;
        space();
        if (next(']')) {
            return items;
        }
        do {
            items.add(value(depth + 1));
            space();
        } while (next(','));
        expect(']');
        return items;
    }

    private String string() {
        expect('"');
        StringBuilder made = new StringBuilder();
        while (true) {
            char c = take();
            if (c == '"') {
                return made.toString();
            }
            if (c < ' ') {
                throw wrong();
            }
            if (c != '\\') {
                made.append(c);
                continue;
            }
            char escaped = take();
            int place = "\"\\/bfnrt".indexOf(escaped);
            if (place >= 0) {
                made.append("\"\\/\b\f\n\r\t".charAt(place));
            } else if (escaped == 'u' && at + 4 <= text.length()) {
                String digits = text.substring(at, at + 4);
                if (!digits.matches("[0-9a-fA-F]{4}")) {
                    throw wrong();
                }
                made.append((char) Integer.parseInt(digits, 16));
                at += 4;
            } else {
                throw wrong();
            }
        }
    }

    private Object number() {
        int begin = at;
        while (at < text.length() && "+-.eE0123456789".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
        String found = text.substring(begin, at);
        if (!found.matches("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?")) {
            throw wrong();
        }
        if (found.matches("-?[0-9]{1,18}")) {
            return Long.valueOf(found);
        }
        if (!found.matches("-?[0-9]+")) {
            return Double.valueOf(found);
        }
        BigInteger whole = new BigInteger(found);
        return whole.bitLength() < 64 ? (Object) whole.longValue() : whole;
    }

    private Object word(String word, Object value) {
        if (!text.startsWith(word, at)) {
            throw wrong();
        }
        at += word.length();
        return value;
    }

    private void space() {
        while (at < text.length() && " \t\n\r".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }

    private char take() {
        if (at == text.length()) {
            throw wrong();
        }
        return text.charAt(at++);
    }

    private boolean next(char c) {
        boolean is = at < text.length() && text.charAt(at) == c;
        at += is ? 1 : 0;
        return is;
    }

    private void expect(char c) {
        if (!next(c)) {
            throw wrong();
        }
    }

    private IllegalArgumentException wrong() {
        return new IllegalArgumentException("no JSON at character " + at);
    }
}
