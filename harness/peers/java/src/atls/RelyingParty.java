// SPDX-License-Identifier: Apache-2.0
package atls;

import com.nimbusds.jose.jwk.ECKey;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The relying party: a CMW in, a verdict out. What only it can know (the challenge, the KAT, the
 * linkage, the key) it checks itself, whatever a verifier says, and it fails closed. It knows
 * nothing of TLS.
 */
public final class RelyingParty {
    private static final String KEY_CLAUSE = "draft-bft-rats-kat-06 section 4";
    private static final int MISMATCHES_MAX = 64;

    /** What a verifier may give as its reason (harness/peers/README.md). */
    private static final Set<String> VERIFIER_REASONS =
            Set.of(
                    "reference-value-mismatch",
                    "unknown-component",
                    "version-not-endorsed",
                    "unknown-attestation-key",
                    "pat-signature-invalid",
                    "kat-signature-invalid",
                    "linkage-mismatch",
                    "platform-token-caller",
                    "attestation-key-mismatch",
                    "key-name-mismatch",
                    "key-unprotected",
                    "nonce-mismatch",
                    "nonce-length",
                    "lifecycle-not-secured",
                    "evidence-replayed",
                    "evidence-expired",
                    "malformed-cmw",
                    "malformed-cbor",
                    "malformed-cose",
                    "malformed-claims");

    private final Options options;
    private final Verifier verifier;
    private final Journal journal;
    private final Map<String, ECKey> files = new LinkedHashMap<>();

    public RelyingParty(Options options, Verifier verifier, Journal journal)
            throws IOException, Refusal {
        this.options = options;
        this.verifier = verifier;
        this.journal = journal;
        for (String source : options.trusted.values()) {
            if (!source.matches("https?://.*")) {
                files.put(
                        source,
                        Result.verificationKey(Files.readAllBytes(Path.of(source)), "internal"));
            }
        }
    }

    private ECKey keyOf(String identity) throws Refusal {
        String source = options.trusted.get(identity);
        ECKey key = files.get(source);
        return key != null ? key : verifier.key(source);
    }

    private long now() {
        return System.currentTimeMillis() / 1000 + options.clockOffset;
    }

    /** One peer in one connection, or in one round of it. */
    public final class Appraisal {
        private final int conn;
        private final boolean passport;
        private byte[] challenge;
        private boolean computed;
        private EcKey leaf;
        private String expectedVerifier;
        private Verifier.Session session;
        private byte[] credential;
        private Cmw cmw;
        private Evidence evidence;
        private Result result;
        private EcKey key;

        private Appraisal(int conn, String model) {
            this.conn = conn;
            this.passport = model.equals(Options.PASSPORT);
        }

        /**
         * What the endpoint computed and the evidence must answer (and a result, where drafted).
         */
        public void expectAnswerTo(byte[] binder) {
            end(); // a session over the nonce that went into the binder has had its use
            challenge = binder;
            computed = true;
            journal.challenge(conn, "computed", binder);
        }

        /** Evidence does, and a result where the draft says so (H11). */
        boolean takesBinder(Profile profile) {
            return !passport || profile.resultAnswers();
        }

        /** A nonce of the verifier's for the peer; it becomes the challenge. */
        public byte[] nonce() throws Refusal {
            try {
                session = verifier.open(options.text("verifier", null), null, options.nonceSize);
            } catch (Refusal refusal) {
                throw told(refusal);
            }
            challenge = session.nonce;
            journal.challenge(conn, "sent", challenge);
            return challenge;
        }

        /** The key of the certificate beside which the credential stands. */
        public void expectKey(EcKey key) {
            leaf = key;
        }

        public void expectVerifier(String identity) {
            expectedVerifier = identity;
        }

        /** Parses the credential: the key that it claims to attest. Nothing is believed yet. */
        public EcKey credential(byte[] bytes) throws Refusal {
            journal.credential(conn, "received", bytes);
            credential = bytes;
            try {
                cmw = Cmw.parse(bytes);
                if (passport) {
                    parseResult();
                } else {
                    evidence = Evidence.parse(cmw, leaf != null);
                    key = evidence.isBundle() ? evidence.key : leaf;
                }
                return key;
            } catch (Refusal refusal) {
                throw told(refusal);
            }
        }

        private void parseResult() throws Refusal {
            boolean marked =
                    cmw.indicator() == 0 || (cmw.indicator() & Cmw.ATTESTATION_RESULTS) != 0;
            if (!cmw.is(MediaType.EAT_JWT) || !marked) {
                throw new Refusal(
                        "malformed-result",
                        "expected an attestation result as " + MediaType.EAT_JWT,
                        options.profile.clause);
            }
            result = Result.parse(cmw.value());
            key = result.key();
            if (key == null) {
                throw new Refusal(
                        "result-without-key",
                        "expected a result that attests a key (akpub), it names none",
                        options.profile.clause);
            }
        }

        /** No credential came where one had to. */
        public Refusal missing(Refusal refusal) {
            return told(refusal);
        }

        /** Asks whoever has to be asked, and returns only where the peer is accepted. */
        public void judge() throws Refusal {
            String tier;
            try {
                if (credential == null || key == null) {
                    throw new Refusal(
                            "attestation-missing",
                            "expected the peer's credential, none came",
                            options.profile.clause);
                }
                if (passport) {
                    judgePresented();
                } else {
                    judgeEvidence();
                }
                tier = checkTier();
            } catch (Refusal refusal) {
                throw told(refusal);
            } finally {
                end();
            }
            String keyFrom = passport ? "result" : evidence.isBundle() ? "evidence" : "binder";
            journal.events.tell(
                    "verdict",
                    "conn",
                    conn,
                    "tier",
                    tier,
                    "accepted",
                    true,
                    "reason",
                    "ok",
                    "detail",
                    "the " + (passport ? "presented" : "verifier's") + " result is " + tier,
                    "clause",
                    "",
                    "mismatches",
                    List.of(),
                    "key_from",
                    keyFrom);
        }

        private Refusal told(Refusal refusal) {
            end();
            journal.events.tell(
                    "verdict",
                    "conn",
                    conn,
                    "tier",
                    refusal.tier,
                    "accepted",
                    false,
                    "reason",
                    refusal.reason,
                    "detail",
                    refusal.getMessage(),
                    "clause",
                    refusal.clause,
                    "mismatches",
                    refusal.mismatches == null ? List.of() : refusal.mismatches);
            return refusal;
        }

        public void end() {
            if (session != null) {
                session.end();
                session = null;
            }
        }

        private void checkBinder(String what, byte[] came) throws Refusal {
            if (came == null || !Bytes.equal(came, challenge)) {
                throw new Refusal(
                        "binder-mismatch",
                        what
                                + " answers another binder: expected "
                                + Bytes.hex(challenge)
                                + ", came "
                                + (came == null ? "none" : Bytes.hex(came)),
                        options.profile.clause);
            }
        }

        private void checkEvidence() throws Refusal {
            if (challenge == null) {
                throw new Refusal(
                        computed ? "internal" : "nonce-mismatch",
                        "evidence came before any challenge",
                        KEY_CLAUSE);
            }
            evidence.checkKeyToken();
            if (computed) {
                checkBinder("evidence", evidence.nonce());
            } else if (!Bytes.equal(evidence.nonce(), challenge)) {
                throw new Refusal(
                        "nonce-mismatch",
                        "the KAT's eat_nonce is not the challenge",
                        "draft-bft-rats-kat-06 section 6");
            }
            evidence.checkLinkage();
            if (leaf != null && !key.equals(leaf)) {
                throw new Refusal(
                        "key-mismatch",
                        "the KAT attests another key than that of the certificate",
                        KEY_CLAUSE);
            }
            if (!evidence.isBundle() && !computed) {
                throw new Refusal(
                        "key-mismatch",
                        "a bare PSA token names no key, and nothing binds it",
                        options.profile.clause);
            }
        }

        private void judgeEvidence() throws Refusal {
            checkEvidence();
            String url = options.text("verifier", null);
            if (session == null) {
                session = verifier.open(url, challenge, challenge.length);
            }
            byte[] jwt = appraise(url);
            try {
                result = Result.parse(jwt);
            } catch (Refusal refusal) { // it came straight from the verifier
                tellResult(jwt, null);
                throw refusal.reason.equals("malformed-result")
                        ? refusal.as("verifier-garbage")
                        : refusal;
            }
            tellResult(jwt, result.expiresIn(now(), options.resultMaxAge));
            result.verify(verifier.key(url));
            result.checkTime(now(), options.resultMaxAge);
            if (result.nonce != null && !Bytes.equal(result.nonce, session.nonce)) {
                throw new Refusal(
                        "nonce-mismatch",
                        "the verifier's result is about another session",
                        "RFC 9711 section 4.1");
            }
            for (Result.Submod submod : result.submods) {
                if (submod.key() != null && !submod.key().equals(key)) {
                    throw new Refusal(
                            "key-mismatch",
                            "the verifier's result attests another key",
                            KEY_CLAUSE);
                }
            }
        }

        /** The whole bundle where the verifier takes it, otherwise the platform token alone. */
        private byte[] appraise(String url) throws Refusal {
            String whole = cmw.json() ? MediaType.CMW_JSON : MediaType.CMW_CBOR;
            if (evidence.isBundle() && session.accepts(whole)) {
                return session.appraise(whole, credential);
            }
            if (evidence.isBundle()) { // KAT and linkage were checked here
                session.end();
                session = verifier.open(url, evidence.tokenNonce, evidence.tokenNonce.length);
            }
            return session.appraise(tokenType(session), evidence.token);
        }

        private void tellResult(byte[] jwt, Long expiresIn) {
            journal.result(conn, "verifier", journal.result(conn, "result.jwt", jwt), expiresIn);
        }

        private void judgePresented() throws Refusal {
            if (expectedVerifier == null || !options.trusted.containsKey(expectedVerifier)) {
                throw new Refusal(
                        "verifier-untrusted",
                        "a result came, but no trusted verifier was agreed on",
                        options.profile.clause);
            }
            boolean ours = result.issuer == null || result.issuer.equals(expectedVerifier);
            Refusal other =
                    new Refusal(
                            "verifier-untrusted",
                            "expected a result of verifier "
                                    + expectedVerifier
                                    + ", came one of "
                                    + result.issuer,
                            "RFC 7519 section 4.1.1");
            ECKey trusted = keyOf(expectedVerifier);
            try {
                result.verify(trusted);
            } catch (Refusal refusal) {
                throw ours ? refusal : other; // it says itself that another verifier made it
            }
            result.checkTime(now(), options.resultMaxAge);
            if (!ours) {
                throw other;
            }
            if (options.profile.resultAnswers()) {
                checkBinder("the result", result.nonce);
            }
            if (leaf != null && !key.equals(leaf)) {
                throw new Refusal(
                        "key-mismatch",
                        "the result attests another key than that of the certificate",
                        KEY_CLAUSE);
            }
        }

        private String checkTier() throws Refusal {
            String tier = result.tier();
            if (tier.equals("affirming") || tier.equals("warning") && options.acceptWarning) {
                return tier;
            }
            Map<String, Object> claims = Map.of();
            for (Result.Submod submod : result.submods) {
                if (claims.isEmpty() || submod.tier().equals(tier)) {
                    claims = submod.policyClaims();
                }
            }
            boolean said = VERIFIER_REASONS.contains(String.valueOf(claims.get("atls.reason")));
            String detail = "the result's tier is " + tier + ", which policy does not accept";
            throw Refusal.ofTier(
                    tier,
                    said ? (String) claims.get("atls.reason") : "tier-" + tier,
                    claims.get("atls.detail") instanceof String text ? text : detail,
                    claims.get("atls.clause") instanceof String text
                            ? text
                            : "draft-ietf-rats-ear-03",
                    mismatches(claims.get("atls.mismatches")));
        }
    }

    /**
     * Entries of the form that the contract gives; what a foreign verifier writes otherwise is
     * left.
     */
    private static List<Map<String, Object>> mismatches(Object said) {
        List<Map<String, Object>> taken = new ArrayList<>();
        if (said instanceof List<?> entries) {
            for (Object entry : entries) {
                if (taken.size() < MISMATCHES_MAX
                        && entry instanceof Map<?, ?> one
                        && one.get("component") instanceof String component
                        && one.get("measured") instanceof String measured
                        && one.get("expected") instanceof List<?> expected
                        && expected.stream().allMatch(String.class::isInstance)) {
                    taken.add(
                            Map.of(
                                    "component",
                                    component,
                                    "expected",
                                    expected,
                                    "measured",
                                    measured));
                }
            }
        }
        return taken;
    }

    /** What the verifier calls a PSA token. */
    static String tokenType(Verifier.Session session) throws Refusal {
        for (String type :
                List.of(MediaType.PSA_TOKEN, MediaType.PSA_VERAISON, MediaType.PSA_RFC9783)) {
            if (session.accepts(type)) {
                return type;
            }
        }
        throw new Refusal(
                "verifier-error",
                "the verifier takes no PSA token",
                "Veraison challenge-response API: accept");
    }

    public Appraisal begin(int conn, String model) {
        return new Appraisal(conn, model);
    }

    public boolean wants(String model) {
        return options.relyingParty.contains(model);
    }
}
