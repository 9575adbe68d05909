// SPDX-License-Identifier: Apache-2.0
package atls;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;

import java.io.IOException;
import java.io.StringWriter;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * JSON as plain maps, lists, texts, numbers and booleans, read by Jackson's streaming parser:
 * duplicate members are refused (two readers could take different ones), and so is anything behind
 * the value. JSON null is Java's null.
 */
public final class Json {
    private static final int DEPTH_MAX = 64;
    private static final JsonFactory FACTORY =
            JsonFactory.builder()
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .streamReadConstraints(
                            StreamReadConstraints.builder()
                                    .maxNestingDepth(DEPTH_MAX)
                                    .maxStringLength(1 << 20)
                                    .build())
                    .build();

    private Json() {}

    public static Object parse(byte[] in, String reason) throws Refusal {
        try (JsonParser parser = FACTORY.createParser(in)) {
            JsonToken first = parser.nextToken();
            if (first == null) {
                throw new Refusal(reason, "JSON: expected a value, nothing came", "RFC 8259");
            }
            Object value = value(parser, first);
            if (parser.nextToken() != null) {
                throw new Refusal(reason, "JSON: something is behind the value", "RFC 8259");
            }
            return value;
        } catch (IOException e) {
            String said =
                    e.getMessage() == null
                            ? "cut off"
                            : e.getMessage().lines().findFirst().orElse("");
            throw new Refusal(reason, "JSON: " + said, "RFC 8259");
        }
    }

    public static Map<String, Object> parseObject(byte[] in, String reason) throws Refusal {
        return object(parse(in, reason), "JSON", reason, "RFC 8259");
    }

    private static Object value(JsonParser parser, JsonToken token) throws IOException, Refusal {
        return switch (token) {
            case START_OBJECT -> {
                Map<String, Object> members = new LinkedHashMap<>();
                while (parser.nextToken() != JsonToken.END_OBJECT) {
                    String name = parser.currentName();
                    members.put(name, value(parser, parser.nextToken()));
                }
                yield members;
            }
            case START_ARRAY -> {
                List<Object> items = new ArrayList<>();
                for (JsonToken next = parser.nextToken();
                        next != JsonToken.END_ARRAY;
                        next = parser.nextToken()) {
                    items.add(value(parser, next));
                }
                yield items;
            }
            case VALUE_STRING -> parser.getText();
            case VALUE_NUMBER_INT -> integer(parser);
            case VALUE_NUMBER_FLOAT -> parser.getDoubleValue();
            case VALUE_TRUE -> true;
            case VALUE_FALSE -> false;
            case VALUE_NULL -> null;
            default -> throw new IOException("unexpected " + token);
        };
    }

    /** A number that a long cannot hold is nobody's here: a double says how large it is. */
    private static Object integer(JsonParser parser) throws IOException {
        BigInteger value = parser.getBigIntegerValue();
        return value.bitLength() < 64 ? (Object) value.longValue() : (Object) value.doubleValue();
    }

    public static Map<String, Object> object(
            Object value, String what, String reason, String clause) throws Refusal {
        if (!(value instanceof Map<?, ?> map)) {
            throw new Refusal(reason, what + ": a JSON object expected", clause);
        }
        Map<String, Object> members = new LinkedHashMap<>();
        map.forEach((name, member) -> members.put((String) name, member));
        return members;
    }

    /** One line. */
    public static String write(Object value) {
        StringWriter text = new StringWriter();
        try (JsonGenerator generator = FACTORY.createGenerator(text)) {
            write(generator, value);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
        return text.toString();
    }

    private static void write(JsonGenerator out, Object value) throws IOException {
        if (value == null) {
            out.writeNull();
        } else if (value instanceof Map<?, ?> map) {
            out.writeStartObject();
            for (Map.Entry<?, ?> member : map.entrySet()) {
                out.writeFieldName((String) member.getKey());
                write(out, member.getValue());
            }
            out.writeEndObject();
        } else if (value instanceof Iterable<?> items) {
            out.writeStartArray();
            for (Object item : items) {
                write(out, item);
            }
            out.writeEndArray();
        } else if (value instanceof Boolean flag) {
            out.writeBoolean(flag);
        } else if (value instanceof Integer || value instanceof Long) {
            out.writeNumber(((Number) value).longValue());
        } else if (value instanceof Double number) {
            out.writeNumber(number);
        } else if (value instanceof String text) {
            out.writeString(text);
        } else {
            throw new IllegalArgumentException("no JSON for " + value.getClass());
        }
    }
}
