// SPDX-License-Identifier: Apache-2.0
package atls;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The command line of the peer contract (harness/peers/README.md). What a flag may say and this
 * peer cannot is {@link Unsupported}; what no flag may say is {@link Usage}.
 */
public final class Options {
    /** Exit code 77. */
    public static final class Unsupported extends Exception {
        private static final long serialVersionUID = 1L;

        public Unsupported(String what) {
            super(what);
        }
    }

    /** Exit code 2. */
    public static final class Usage extends Exception {
        private static final long serialVersionUID = 1L;

        public Usage(String what) {
            super(what);
        }
    }

    public static final String BACKGROUND_CHECK = "background-check";
    public static final String PASSPORT = "passport";
    public static final String NONE = "none";

    private static final Set<String> REPEATED =
            Set.of("evidence-type", "trust-verifier", "variant", "fault");
    private static final Set<String> TEXTS =
            Set.of(
                    "profile",
                    "events",
                    "keylog",
                    "artifacts",
                    "attester",
                    "relying-party",
                    "policy",
                    "device",
                    "second-device",
                    "serialization",
                    "evidence-format",
                    "cmw-form",
                    "credential-kind",
                    "reattest",
                    "curve",
                    "verifier",
                    "verifier-id",
                    "accept-tier",
                    "nonce-size",
                    "result-max-age",
                    "clock-offset",
                    "cert",
                    "key",
                    "ca",
                    "message",
                    "code-points",
                    "verifier-timeout",
                    "timeout");
    private static final int MESSAGE_MAX = 4000;

    public final boolean client;
    public final Profile profile;
    public final List<String> attester;
    public final List<String> relyingParty;
    public final boolean required;
    public final boolean json;
    public final boolean psa;
    public final Cmw.Form form;
    public final boolean besideCertificate;
    public final EcKey.Curve curve;
    public final boolean acceptWarning;
    public final boolean hrr;
    public final boolean inTurn;
    public final int nonceSize;
    public final int reattest;
    public final long resultMaxAge;
    public final long clockOffset;
    public final long verifierTimeoutMs;
    public final long timeoutSeconds;
    public final int connections;
    public final String host;
    public final int port;
    public final String message;
    private final List<Negotiation.Type> types = new ArrayList<>();

    /** By identity, in order of preference. */
    public final Map<String, String> trusted = new LinkedHashMap<>();

    private static final Map<String, List<String>> READINGS_OF_SEAT =
            Map.of("hello-retry", List.of("message-hash", "all", "first-hello", "second-hello"));
    private static final Map<String, List<String>> READINGS_OF_EXPAT =
            Map.of(
                    "public-key",
                    List.of("spki", "raw-point", "cose-key"),
                    "exporter-label",
                    List.of("EXPORTER-cmw-attestation", "Attestation", "Attestation Binding"),
                    "cmw-code-point",
                    List.of("0xFF00", "0xFFFF"));

    private final Map<String, String> readings = new LinkedHashMap<>();
    private final Map<String, String> values = new LinkedHashMap<>();
    private final Map<String, List<String>> lists = new LinkedHashMap<>();

    public Options(boolean client, List<String> arguments) throws Usage, Unsupported {
        this.client = client;
        read(arguments);
        String name = text("profile", null);
        if (name == null) {
            throw new Usage("--profile is needed");
        }
        profile = Profile.of(name);
        if (profile == null) {
            throw new Unsupported("profile " + name);
        }
        attester = models("attester");
        relyingParty = models("relying-party");
        required = word("policy", "required", "optional").equals("required");
        json = word("serialization", "cbor", "json").equals("json");
        form = word("cmw-form", "record", "tag").equals("tag") ? Cmw.Form.TAG : Cmw.Form.RECORD;
        besideCertificate = word("credential-kind", "attestation", "cert").equals("cert");
        curve = word("curve", "p256", "p384").equals("p256") ? EcKey.Curve.P256 : EcKey.Curve.P384;
        acceptWarning = word("accept-tier", "affirming", "warning").equals("warning");
        hrr = values.containsKey("hrr");
        inTurn = values.containsKey("in-turn");
        nonceSize = (int) number("nonce-size", 32, 8, 64);
        reattest = (int) number("reattest", 0, 0, 100);
        resultMaxAge = number("result-max-age", 3600, 0, 1L << 32);
        clockOffset = number("clock-offset", 0, -(1L << 32), 1L << 32);
        verifierTimeoutMs = number("verifier-timeout", 5000, 1, 3600000);
        timeoutSeconds = number("timeout", 20, 1, 86400);
        connections =
                client
                        ? (int) number("connections", 1, 1, 100000)
                        : (int) number("max-connections", 0, 0, Integer.MAX_VALUE);
        message = text("message", client ? "hello from client" : "hello from server");
        for (String type : lists.getOrDefault("evidence-type", List.of("cf:273"))) {
            types.add(Negotiation.Type.ofOption(type, besideCertificate));
        }
        psa =
                word("evidence-format", fileKeyAttested() ? "psa" : "cab", "cab", "psa")
                        .equals("psa");
        for (String variant : lists.getOrDefault("variant", List.of())) {
            readVariant(variant);
        }
        String address = text(client ? "connect" : "listen", null);
        int colon = address == null ? -1 : address.lastIndexOf(':');
        if (colon < 1 || !address.substring(colon + 1).matches("[0-9]{1,5}")) {
            throw new Usage("--" + (client ? "connect" : "listen") + " HOST:PORT is needed");
        }
        host = address.substring(0, colon).replaceAll("^\\[(.*)\\]$", "$1");
        port = Integer.parseInt(address.substring(colon + 1));
        for (String trust : lists.getOrDefault("trust-verifier", List.of())) {
            int equals = trust.indexOf('=');
            if (equals < 1 || equals == trust.length() - 1) {
                throw new Usage("--trust-verifier ID=SOURCE was expected, not " + trust);
            }
            trusted.put(trust.substring(0, equals), trust.substring(equals + 1));
        }
        check();
    }

    private void read(List<String> arguments) throws Usage {
        Set<String> own =
                client ? Set.of("connect", "connections") : Set.of("listen", "max-connections");
        for (int i = 0; i < arguments.size(); i++) {
            String argument = arguments.get(i);
            int equals = argument.indexOf('=');
            String name = equals < 0 ? argument : argument.substring(0, equals);
            name = name.startsWith("--") ? name.substring(2) : "";
            boolean repeated = REPEATED.contains(name);
            boolean bare = name.equals("hrr") || (client && name.equals("in-turn"));
            if (bare && equals < 0) {
                values.put(name, "");
            } else if (repeated || TEXTS.contains(name) || own.contains(name)) {
                if (equals < 0 && ++i == arguments.size()) {
                    throw new Usage("--" + name + " needs a value");
                }
                String value = equals < 0 ? arguments.get(i) : argument.substring(equals + 1);
                if (repeated) {
                    lists.computeIfAbsent(name, key -> new ArrayList<>()).add(value);
                } else {
                    values.put(name, value);
                }
            } else {
                throw new Usage("unexpected: " + argument);
            }
        }
    }

    private void check() throws Usage, Unsupported {
        Profile.Carrier carrier = profile.carrier;
        boolean inside = carrier == Profile.Carrier.IN_CERTIFICATE;
        boolean fetches = attester.contains(PASSPORT) && !inside;
        if (!list("fault").isEmpty()) {
            throw new Unsupported("fault " + list("fault").get(0));
        }
        if (besideCertificate && profile != Profile.TA_07) {
            throw new Unsupported("--credential-kind cert with profile " + profile.word);
        }
        if (reattest > 0 && profile != Profile.EXPAT_04) {
            throw new Unsupported("--reattest with profile " + profile.word);
        }
        if (json && form == Cmw.Form.TAG) {
            throw new Unsupported("a CMW in JSON is no tag (RFC 9999 section 3.2)");
        }
        if ((text("cert", null) == null) != (text("key", null) == null)) {
            throw new Usage("--cert and --key come together");
        }
        if (deviceKey() >= 0 && text("device", null) == null) {
            throw new Usage("--key device:HANDLE needs a --device");
        }
        if (!attester.isEmpty()
                && text("device", null) == null
                && !(inside && text("key", null) != null)) {
            throw new Usage("an attester needs a --device");
        }
        boolean certified = carrier != Profile.Carrier.IN_PLACE || besideCertificate;
        if (!attester.isEmpty() && certified && text("key", null) == null) {
            throw new Usage("attestation beside or inside a certificate needs --cert and --key");
        }
        if (fileKeyAttested() && !psa) {
            throw new Usage(
                    "--evidence-format cab needs --key device:HANDLE: no KAT is about a key in a"
                            + " file");
        }
        if ((fetches || relyingParty.contains(BACKGROUND_CHECK))
                && text("verifier", null) == null) {
            throw new Usage("a passport attester and a background check need a --verifier");
        }
        if (fetches && text("verifier-id", null) == null) {
            throw new Usage("a passport attester needs the --verifier-id of its verifier");
        }
        if (relyingParty.contains(PASSPORT) && trusted.isEmpty()) {
            throw new Usage("a passport relying party needs a --trust-verifier");
        }
        if (message.contains("\n") || Bytes.utf8(message).length > MESSAGE_MAX) {
            throw new Usage("--message is one line of at most " + MESSAGE_MAX + " bytes");
        }
    }

    private Map<String, List<String>> readings() {
        return switch (profile) {
            case SEAT_04, SEAT_06 -> READINGS_OF_SEAT;
            case EXPAT_04 -> READINGS_OF_EXPAT;
            default -> Map.of();
        };
    }

    private void readVariant(String variant) throws Unsupported {
        String name = variant.replaceAll("=.*", "");
        String reading = variant.substring(Math.min(name.length() + 1, variant.length()));
        if (!readings().getOrDefault(name, List.of()).contains(reading)) {
            throw new Unsupported("variant " + variant + " with profile " + profile.word);
        }
        readings.put(name, reading);
    }

    /** The reading of a question that a draft leaves open: the one asked for, or the first. */
    public String reading(String question) {
        return readings.getOrDefault(question, readings().get(question).get(0));
    }

    /** Evidence that this side makes or appraises, in order of preference. */
    List<Negotiation.Type> types() {
        return List.copyOf(types);
    }

    public String text(String name, String otherwise) {
        return values.getOrDefault(name, otherwise);
    }

    public List<String> list(String name) {
        return lists.getOrDefault(name, List.of());
    }

    private String word(String name, String... words) throws Unsupported {
        String value = text(name, words[0]);
        if (!List.of(words).contains(value)) {
            throw new Unsupported("--" + name + " " + value);
        }
        return value;
    }

    private long number(String name, long otherwise, long least, long most) throws Usage {
        try {
            String text = text(name, null);
            long value = text == null ? otherwise : Long.parseLong(text);
            if (value >= least && value <= most) {
                return value;
            }
        } catch (NumberFormatException e) {
            // told below
        }
        throw new Usage("--" + name + ": a number from " + least + " to " + most + " was expected");
    }

    private List<String> models(String name) throws Unsupported {
        String value = text(name, NONE);
        if (value.equals(NONE)) {
            return List.of();
        }
        List<String> models = List.of(value.split(",", -1));
        if (!Set.of(BACKGROUND_CHECK, PASSPORT).containsAll(models)
                || models.stream().distinct().count() != models.size()) {
            throw new Unsupported("--" + name + " " + value);
        }
        return models;
    }

    /** The handle of an enrolled key, or -1. */
    public int deviceKey() throws Usage {
        String key = text("key", "");
        if (!key.startsWith("device:")) {
            return -1;
        }
        if (!key.matches("device:[1-9][0-9]{0,8}")) {
            throw new Usage("--key device:HANDLE was expected, not " + key);
        }
        return Integer.parseInt(key.substring("device:".length()));
    }

    /** Is the key of a file the one that is attested? */
    public boolean fileKeyAttested() throws Usage {
        boolean beside =
                profile.carrier == Profile.Carrier.IN_ENTRY
                        || profile.carrier == Profile.Carrier.IN_AUTHENTICATOR
                        || besideCertificate;
        return !attester.isEmpty() && beside && text("key", null) != null && deviceKey() < 0;
    }
}
