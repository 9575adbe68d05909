// SPDX-License-Identifier: Apache-2.0
package atls;

import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Media types by the grammar of RFC 9110 section 8.3.1, and the CoAP content formats of the field.
 */
public record MediaType(String essence, Map<String, String> parameters) {
    public static final String EAT_CWT = "application/eat+cwt";
    public static final String EAT_JWT = "application/eat+jwt";
    public static final String CMW_CBOR = "application/cmw+cbor";
    public static final String CMW_JSON = "application/cmw+json";
    public static final String PSA_TOKEN = "application/psa-attestation-token";
    public static final String PSA_VERAISON =
            "application/eat-cwt; profile=\"http://arm.com/psa/2.0.0\"";
    public static final String PSA_RFC9783 =
            "application/eat+cwt; eat_profile=\"tag:psacertified.org,2023:psa#tfm\"";

    private static final String TOKEN = "[0-9A-Za-z!#$%&'*+\\-.^_`|~]+";
    private static final Pattern TYPE = Pattern.compile("(" + TOKEN + "/" + TOKEN + ")");
    private static final Pattern PARAMETER =
            Pattern.compile(
                    "[ \t]*;[ \t]*("
                            + TOKEN
                            + ")=("
                            + TOKEN
                            + "|\"(?:[\t \\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\t"
                            + " -\\x7e\\x80-\\xff])*\")");
    private static final int PARAMETERS_MAX = 16;

    /** RFC 9782 and the registry: what a CMW may name by number. */
    private static final Map<Integer, String> CONTENT_FORMATS =
            Map.of(
                    263, EAT_CWT,
                    264, EAT_JWT,
                    265, "application/eat-bun+cbor",
                    266, "application/eat-bun+json",
                    267, "application/eat-ucs+cbor",
                    268, "application/eat-ucs+json",
                    273, CMW_CBOR,
                    274, CMW_JSON,
                    275, "application/cmw+cose",
                    276, "application/cmw+jws");

    /** Null where the text is no media type. */
    public static MediaType parse(String text) {
        Matcher type = TYPE.matcher(text);
        if (!type.lookingAt()) {
            return null;
        }
        Map<String, String> parameters = new TreeMap<>();
        Matcher parameter = PARAMETER.matcher(text);
        int at = type.end();
        while (at < text.length()) {
            if (!parameter.region(at, text.length()).lookingAt()
                    || parameters.size() == PARAMETERS_MAX) {
                return null;
            }
            String name = parameter.group(1).toLowerCase(Locale.ROOT);
            String value = parameter.group(2);
            if (value.startsWith("\"")) {
                value = value.substring(1, value.length() - 1).replaceAll("\\\\(.)", "$1");
            }
            if (name.equals("eat_profile")) { // RFC 9782: without regard to case
                value = value.toLowerCase(Locale.ROOT);
            }
            if (parameters.put(name, value) != null) {
                return null;
            }
            at = parameter.end();
        }
        return new MediaType(type.group(1).toLowerCase(Locale.ROOT), parameters);
    }

    public static boolean equal(String a, String b) {
        MediaType first = parse(a);
        MediaType second = parse(b);
        // A record's own equals() is made as the program runs, which takes longer than to parse.
        return first != null
                && second != null
                && first.essence.equals(second.essence)
                && first.parameters.equals(second.parameters);
    }

    /** The media type of a content format, or null. */
    public static String ofContentFormat(int number) {
        return CONTENT_FORMATS.get(number);
    }

    /** The content format of a media type, or -1. */
    public static int contentFormatOf(String name) {
        return CONTENT_FORMATS.entrySet().stream()
                .filter(entry -> equal(entry.getValue(), name))
                .mapToInt(Map.Entry::getKey)
                .findFirst()
                .orElse(-1);
    }
}
