// SPDX-License-Identifier: Apache-2.0
package atls;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * A conceptual message wrapper (RFC 9999), CBOR or JSON: a record, a tag around the value, or a
 * collection of such under labels. ENTRIES have text labels as they are, integer ones behind "#".
 */
public record Cmw(
        Form form,
        boolean json,
        String mediaType,
        int contentFormat,
        byte[] value,
        int indicator,
        String collectionType,
        Map<String, Cmw> entries) {

    public enum Form {
        RECORD,
        TAG,
        COLLECTION;

        public String word() {
            return name().toLowerCase(java.util.Locale.ROOT);
        }
    }

    public static final int EVIDENCE = 4;
    public static final int ATTESTATION_RESULTS = 8;
    public static final String CAB_TYPE = "tag:ietf.org,2024-02-29:rats/kat";

    private static final String REASON = "malformed-cmw";
    private static final String RECORD_CLAUSE = "RFC 9999 section 3.1";
    private static final String TAG_CLAUSE = "RFC 9999 section 3.2";
    private static final String COLLECTION_CLAUSE = "RFC 9999 section 3.3";
    private static final String TYPE_LABEL = "__cmwc_t";
    private static final int DEPTH_MAX = 8;
    private static final int INDICATOR_MAX = 31;
    private static final long TAG_BASE = 0x63740101L;
    private static final Pattern OID = Pattern.compile("[012](\\.(0|[1-9][0-9]*))+");

    /** The serialization by the first byte (section 3.4), or null where no CMW begins so. */
    public static String serializationOf(byte[] in) {
        int first = in.length == 0 ? 0 : in[0] & 0xff;
        if (first == '[' || first == '{') {
            return "json";
        }
        boolean cbor =
                first == 0x82
                        || first == 0x83
                        || first == 0x9f
                        || first == 0xda
                        || first == 0xbf
                        || first >= 0xa0 && first <= 0xbb;
        return cbor ? "cbor" : null;
    }

    /** The form by the first byte. */
    public static Form formOf(byte[] in) {
        int first = in[0] & 0xff;
        return first == '{' || first >= 0xa0 && first <= 0xbf
                ? Form.COLLECTION
                : first == 0xda ? Form.TAG : Form.RECORD;
    }

    public static Cmw parse(byte[] in) throws Refusal {
        String serialization = serializationOf(in);
        if (serialization == null) {
            throw new Refusal(
                    REASON,
                    in.length == 0
                            ? "expected a CMW, nothing came"
                            : "no CMW begins with the byte " + String.format("%02x", in[0]),
                    "RFC 9999 section 3.4");
        }
        if (serialization.equals("json")) {
            return ofJson(Json.parse(in, REASON), 1);
        }
        return ofCbor(Cbor.parse(in, Cbor.Rules.INDEFINITE, REASON), 1);
    }

    private static Refusal refusal(String detail, String clause) {
        return new Refusal(REASON, detail, clause);
    }

    private static void checkDepth(int depth) throws Refusal {
        if (depth > DEPTH_MAX) {
            throw refusal("collections more than " + DEPTH_MAX + " deep", COLLECTION_CLAUSE);
        }
    }

    private static Cmw record(boolean json, String type, int format, byte[] value, long indicator)
            throws Refusal {
        if (type != null && MediaType.parse(type) == null) {
            throw refusal("the type of a record is no media type", RECORD_CLAUSE);
        }
        if (indicator == 0 || indicator > INDICATOR_MAX || indicator < -1) {
            throw refusal("expected an indicator of 1 to 31, came " + indicator, RECORD_CLAUSE);
        }
        int known = indicator == -1 ? 0 : (int) indicator;
        return new Cmw(Form.RECORD, json, type, format, value, known, null, Map.of());
    }

    private static Cmw collection(boolean json, String type, Map<String, Cmw> entries)
            throws Refusal {
        if (entries.isEmpty()) {
            throw refusal("a collection holds no CMW", COLLECTION_CLAUSE);
        }
        if (type != null && !OID.matcher(type).matches() && !isAbsoluteUri(type)) {
            throw refusal("expected an absolute URI or OID as " + TYPE_LABEL, COLLECTION_CLAUSE);
        }
        return new Cmw(Form.COLLECTION, json, null, -1, null, 0, type, entries);
    }

    private static boolean isAbsoluteUri(String text) {
        try {
            URI uri = new URI(text);
            return uri.isAbsolute() && uri.getRawFragment() == null;
        } catch (URISyntaxException e) {
            return false;
        }
    }

    private static Cmw ofCbor(Cbor.Item item, int depth) throws Refusal {
        checkDepth(depth);
        return switch (item.kind()) {
            case ARRAY -> recordOfCbor(item.items());
            case TAG -> tagOfCbor(item);
            case MAP -> collectionOfCbor(item.items(), depth);
            default -> throw refusal("expected an array, a tag or a map", "RFC 9999 section 3");
        };
    }

    private static Cmw recordOfCbor(List<Cbor.Item> members) throws Refusal {
        if (members.size() < 2 || members.size() > 3) {
            throw refusal(
                    "expected 2 or 3 members in a record, came " + members.size(), RECORD_CLAUSE);
        }
        Cbor.Item type = members.get(0);
        boolean numbered = type.kind() == Cbor.Kind.UINT;
        if (!numbered && type.kind() != Cbor.Kind.TEXT
                || numbered && (type.number() < 0 || type.number() > 0xffff)) {
            throw refusal("expected a media type or a content format as type", RECORD_CLAUSE);
        }
        if (members.get(1).kind() != Cbor.Kind.BYTES) {
            throw refusal("expected a byte string as value", RECORD_CLAUSE);
        }
        long indicator = -1;
        if (members.size() == 3) {
            if (members.get(2).kind() != Cbor.Kind.UINT || members.get(2).number() < 0) {
                throw refusal("expected an unsigned integer as indicator", RECORD_CLAUSE);
            }
            indicator = members.get(2).number();
        }
        return record(
                false,
                numbered ? null : type.text(),
                numbered ? (int) type.number() : -1,
                members.get(1).bytes(),
                indicator);
    }

    private static Cmw tagOfCbor(Cbor.Item item) throws Refusal {
        long offset = item.number() - TAG_BASE;
        long low = offset & 0xff;
        long format = (offset >> 8) * 255 + low;
        if (offset < 0 || low == 255 || offset >> 8 > 254 || format > 65024) {
            throw refusal(
                    "tag " + Long.toUnsignedString(item.number()) + " is of no content format",
                    TAG_CLAUSE);
        }
        if (item.items().get(0).kind() != Cbor.Kind.BYTES) {
            throw refusal("expected a byte string in the tag", TAG_CLAUSE);
        }
        byte[] value = item.items().get(0).bytes();
        return new Cmw(Form.TAG, false, null, (int) format, value, 0, null, Map.of());
    }

    private static Cmw collectionOfCbor(List<Cbor.Item> members, int depth) throws Refusal {
        Map<String, Cmw> entries = new LinkedHashMap<>();
        String type = null;
        for (int i = 0; i < members.size(); i += 2) {
            Cbor.Item label = members.get(i);
            Cbor.Item value = members.get(i + 1);
            if (label.isText(TYPE_LABEL)) {
                if (value.kind() != Cbor.Kind.TEXT) {
                    throw refusal("expected text as " + TYPE_LABEL, COLLECTION_CLAUSE);
                }
                type = value.text();
            } else if (label.kind() == Cbor.Kind.TEXT && label.bytes().length > 0) {
                entries.put(label.text(), ofCbor(value, depth + 1));
            } else if (label.isAnyInteger()) {
                entries.put("#" + label.integer(), ofCbor(value, depth + 1));
            } else {
                throw refusal("expected text or an integer as label", COLLECTION_CLAUSE);
            }
        }
        return collection(false, type, entries);
    }

    private static Cmw ofJson(Object json, int depth) throws Refusal {
        checkDepth(depth);
        if (json instanceof List<?> members) {
            return recordOfJson(members);
        }
        Map<String, Cmw> entries = new LinkedHashMap<>();
        String type = null;
        for (Map.Entry<String, Object> member :
                Json.object(json, "CMW", REASON, "RFC 9999 section 3").entrySet()) {
            if (member.getKey().equals(TYPE_LABEL)) {
                if (!(member.getValue() instanceof String text)) {
                    throw refusal("expected text as " + TYPE_LABEL, COLLECTION_CLAUSE);
                }
                type = text;
            } else if (member.getKey().isEmpty()) {
                throw refusal("a label is empty", COLLECTION_CLAUSE);
            } else {
                entries.put(member.getKey(), ofJson(member.getValue(), depth + 1));
            }
        }
        return collection(true, type, entries);
    }

    private static Cmw recordOfJson(List<?> members) throws Refusal {
        if (members.size() < 2 || members.size() > 3) {
            throw refusal(
                    "expected 2 or 3 members in a record, came " + members.size(), RECORD_CLAUSE);
        }
        if (!(members.get(0) instanceof String type)) {
            throw refusal(
                    "expected a media type as type (JSON has no numbers for it)", RECORD_CLAUSE);
        }
        if (!(members.get(1) instanceof String text) || text.isEmpty()) {
            throw refusal("expected base64url text as value", RECORD_CLAUSE);
        }
        long indicator = -1;
        if (members.size() == 3) {
            if (!(members.get(2) instanceof Long number) || number < 0) {
                throw refusal("expected an unsigned integer as indicator", RECORD_CLAUSE);
            }
            indicator = number;
        }
        return record(true, type, -1, Bytes.unbase64url(text, REASON, RECORD_CLAUSE), indicator);
    }

    /** Is the value of this media type, by name or by number? */
    public boolean is(String name) {
        String own = mediaType != null ? mediaType : MediaType.ofContentFormat(contentFormat);
        return form != Form.COLLECTION && own != null && MediaType.equal(own, name);
    }

    /** A record or, with a content format and in CBOR alone, a tag. */
    public static byte[] write(
            Form form, boolean json, String mediaType, byte[] value, int indicator) {
        if (json) {
            String text = Base64.getUrlEncoder().withoutPadding().encodeToString(value);
            return Bytes.utf8(Json.write(List.of(mediaType, text, indicator)));
        }
        if (form == Form.TAG) {
            int format = MediaType.contentFormatOf(mediaType);
            long tag = TAG_BASE + (format / 255 << 8) + format % 255;
            return Bytes.concat(Cbor.head(6, tag), Cbor.bytes(value));
        }
        return Bytes.concat(
                Cbor.head(4, 3), Cbor.text(mediaType), Cbor.bytes(value), Cbor.head(0, indicator));
    }

    /** This collection of records in JSON: what the device makes in CBOR. */
    public byte[] toJson() {
        return Bytes.utf8(Json.write(tree()));
    }

    private Object tree() {
        if (form != Form.COLLECTION) {
            String name = mediaType != null ? mediaType : MediaType.ofContentFormat(contentFormat);
            String text = Base64.getUrlEncoder().withoutPadding().encodeToString(value);
            return indicator == 0 ? List.of(name, text) : List.of(name, text, indicator);
        }
        Map<String, Object> members = new LinkedHashMap<>();
        if (collectionType != null) {
            members.put(TYPE_LABEL, collectionType);
        }
        entries.forEach((label, entry) -> members.put(label, entry.tree()));
        return members;
    }
}
