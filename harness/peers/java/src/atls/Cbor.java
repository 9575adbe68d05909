// SPDX-License-Identifier: Apache-2.0
package atls;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * CBOR (RFC 8949) as this protocol needs it: a tree whose items know the bytes they came from,
 * since the linkage of a CAB hashes an encoding, and a reader that can insist on the preferred one.
 * The libraries that there are tell neither. Floats are kept as their bits: nothing here has any.
 */
public final class Cbor {
    private static final String CLAUSE = "RFC 8949 section 3";
    private static final String PREFERRED = "RFC 8949 section 4.1";
    private static final int DEPTH_MAX = 16;
    private static final int ITEMS_MAX = 65536;
    public static final int SIZE_MAX = 1 << 20;

    /** What is allowed beside the preferred encoding. */
    public enum Rules {
        STRICT(false, false),
        INDEFINITE(true, false),
        LENIENT(true, true);

        final boolean indefinite;
        final boolean unpreferred;

        Rules(boolean indefinite, boolean unpreferred) {
            this.indefinite = indefinite;
            this.unpreferred = unpreferred;
        }
    }

    public enum Kind {
        UINT,
        NINT,
        BYTES,
        TEXT,
        ARRAY,
        MAP,
        TAG,
        SIMPLE
    }

    /**
     * One item. NUMBER: value, -1 - value, tag, or simple value (256 and the head for a float);
     * BYTES of strings; ITEMS of arrays, of maps (key, value, key, ...) and the one in a tag; RAW:
     * all of its encoding.
     */
    public record Item(Kind kind, long number, byte[] bytes, List<Item> items, byte[] raw) {
        public boolean isUint(long value) {
            return kind == Kind.UINT && number == value;
        }

        public boolean isText(String text) {
            return kind == Kind.TEXT && text().equals(text);
        }

        public boolean isNull() {
            return kind == Kind.SIMPLE && number == 22;
        }

        public String text() {
            return new String(bytes, StandardCharsets.UTF_8);
        }

        /** A value that fits: integers of more than 63 bits are no labels of anybody's. */
        public boolean isInteger(long value) {
            return value >= 0 ? isUint(value) : kind == Kind.NINT && number == -1 - value;
        }

        public boolean isAnyInteger() {
            return (kind == Kind.UINT || kind == Kind.NINT) && number >= 0;
        }

        public long integer() {
            return kind == Kind.UINT ? number : -1 - number;
        }

        /** The value under an integer label of a map, or null. */
        public Item find(long label) {
            for (int i = 0; i + 1 < items.size(); i += 2) {
                if (items.get(i).isInteger(label)) {
                    return items.get(i + 1);
                }
            }
            return null;
        }

        /** Two keys are equal by value, however they are written. */
        String identity() {
            StringBuilder text = new StringBuilder(kind + ":" + number + ":");
            text.append(bytes == null ? "" : Bytes.hex(bytes));
            if (items != null) {
                items.forEach(item -> text.append('(').append(item.identity()).append(')'));
            }
            return text.toString();
        }
    }

    private final byte[] in;
    private final Rules rules;
    private final String reason;
    private int at;
    private int count;

    private Cbor(byte[] in, Rules rules, String reason) {
        this.in = in;
        this.rules = rules;
        this.reason = reason;
    }

    /** The one item that IN is; anything else is refused with REASON. */
    public static Item parse(byte[] in, Rules rules, String reason) throws Refusal {
        Cbor reader = new Cbor(in, rules, reason);
        if (in.length > SIZE_MAX) {
            throw reader.refusal(in.length + " bytes of CBOR; at most " + SIZE_MAX + " are read");
        }
        Item item = reader.item(1);
        if (reader.at != in.length) {
            throw reader.refusal((in.length - reader.at) + " bytes behind the item");
        }
        return item;
    }

    private Refusal refusal(String detail) {
        return new Refusal(reason, "CBOR at byte " + at + ": " + detail, CLAUSE);
    }

    private int octet() throws Refusal {
        if (at >= in.length) {
            throw refusal("expected more, it ends");
        }
        return in[at++] & 0xff;
    }

    private byte[] take(long size) throws Refusal {
        if (size < 0 || size > in.length - at) {
            throw refusal("a string of " + Long.toUnsignedString(size) + " bytes is cut off");
        }
        at += (int) size;
        return Arrays.copyOfRange(in, at - (int) size, at);
    }

    /** The argument of a head; -1 cannot come with INFO below 28. */
    private long argument(int info) throws Refusal {
        if (info < 24) {
            return info;
        }
        if (info > 27) {
            throw refusal("additional information " + info + " means nothing here");
        }
        int size = 1 << (info - 24);
        long value = 0;
        for (int i = 0; i < size; i++) {
            value = value << 8 | octet();
        }
        long least = info == 24 ? 24 : 1L << (4 * size);
        if (!rules.unpreferred && Long.compareUnsigned(value, least) < 0) {
            throw new Refusal(
                    reason, "CBOR at byte " + at + ": a head longer than needed", PREFERRED);
        }
        return value;
    }

    private boolean atBreak() throws Refusal {
        if (at < in.length && (in[at] & 0xff) == 0xff) {
            at++;
            return true;
        }
        return false;
    }

    private Item item(int depth) throws Refusal {
        int start = at;
        int head = octet();
        int major = head >> 5;
        int info = head & 31;
        boolean indefinite = info == 31 && major >= 2 && major <= 5;
        if (depth > DEPTH_MAX || ++count > ITEMS_MAX) {
            throw refusal(depth > DEPTH_MAX ? "nested too deep" : "too many items");
        }
        if (indefinite && !rules.indefinite) {
            throw new Refusal(
                    reason, "CBOR at byte " + start + ": an indefinite length", PREFERRED);
        }
        long number = indefinite || major == 7 ? 0 : argument(info);
        return switch (major) {
            case 0 -> made(Kind.UINT, number, null, null, start);
            case 1 -> made(Kind.NINT, number, null, null, start);
            case 2 -> made(Kind.BYTES, 0, string(2, number, indefinite), null, start);
            case 3 -> made(Kind.TEXT, 0, text(number, indefinite), null, start);
            case 4 -> made(Kind.ARRAY, 0, null, items(number, 1, indefinite, depth), start);
            case 5 -> made(Kind.MAP, 0, null, members(number, indefinite, depth), start);
            case 6 -> made(Kind.TAG, number, null, List.of(item(depth + 1)), start);
            default -> simple(info, start);
        };
    }

    private Item made(Kind kind, long number, byte[] bytes, List<Item> items, int start) {
        return new Item(kind, number, bytes, items, Arrays.copyOfRange(in, start, at));
    }

    private Item simple(int info, int start) throws Refusal {
        if (info < 24) {
            return made(Kind.SIMPLE, info, null, null, start);
        }
        if (info == 24) {
            int value = octet();
            if (value < 32) {
                throw refusal("simple value " + value + " in two bytes");
            }
            return made(Kind.SIMPLE, value, null, null, start);
        }
        if (info > 27) {
            throw refusal(info == 31 ? "a break where an item was expected" : "reserved value");
        }
        byte[] bits = take(1L << (info - 24));
        return made(Kind.SIMPLE, 256 + info, bits, null, start);
    }

    private byte[] string(int major, long size, boolean indefinite) throws Refusal {
        if (!indefinite) {
            return take(size);
        }
        byte[] whole = Bytes.EMPTY;
        while (!atBreak()) {
            int head = octet();
            if (head >> 5 != major || (head & 31) == 31 || ++count > ITEMS_MAX) {
                throw refusal("a chunk of another kind");
            }
            whole = Bytes.concat(whole, take(argument(head & 31)));
        }
        return whole;
    }

    private byte[] text(long size, boolean indefinite) throws Refusal {
        byte[] bytes = string(3, size, indefinite);
        try {
            StandardCharsets.UTF_8
                    .newDecoder()
                    .onMalformedInput(CodingErrorAction.REPORT)
                    .decode(ByteBuffer.wrap(bytes));
        } catch (CharacterCodingException e) {
            throw refusal("text that is not UTF-8");
        }
        return bytes;
    }

    private List<Item> items(long size, int each, boolean indefinite, int depth) throws Refusal {
        List<Item> items = new ArrayList<>();
        if (!indefinite && (size < 0 || size > ITEMS_MAX)) {
            throw refusal("too many items");
        }
        for (long i = 0; indefinite ? !atBreak() : i < size; i++) {
            for (int j = 0; j < each; j++) {
                items.add(item(depth + 1));
            }
        }
        return items;
    }

    private List<Item> members(long size, boolean indefinite, int depth) throws Refusal {
        List<Item> items = items(size, 2, indefinite, depth);
        Set<String> keys = new HashSet<>();
        for (int i = 0; i < items.size(); i += 2) {
            if (!keys.add(items.get(i).identity())) {
                throw new Refusal(reason, "a key comes twice in a map", "RFC 8949 section 5.6");
            }
        }
        return items;
    }

    /** A head in preferred encoding. */
    public static byte[] head(int major, long value) {
        int info =
                value < 24
                        ? -1
                        : value < 0x100 ? 0 : value < 0x10000 ? 1 : value < 1L << 32 ? 2 : 3;
        Bytes.Writer out = new Bytes.Writer();
        if (info < 0) {
            return out.number(major << 5 | value, 1).done();
        }
        return out.number(major << 5 | (24 + info), 1).number(value, 1 << info).done();
    }

    public static byte[] bytes(byte[] value) {
        return Bytes.concat(head(2, value.length), value);
    }

    public static byte[] text(String value) {
        byte[] utf8 = Bytes.utf8(value);
        return Bytes.concat(head(3, utf8.length), utf8);
    }
}
