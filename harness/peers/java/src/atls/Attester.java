// SPDX-License-Identifier: Apache-2.0
package atls;

/**
 * The attester: evidence from the device for one key, and results from a verifier, which it keeps
 * while they are good. It does not judge: a bad result is presented like any other, for the relying
 * party to refuse.
 */
public final class Attester {
    private static final int NONCE_SIZE = 32;
    private static final long MARGIN_MAX = 5;

    private final Options options;
    private final Verifier verifier;
    private final Journal journal;
    private final Device device;
    private final Device.Key key; // null where the key is in a file
    private byte[] kept;
    private String keptFile;
    private long goodUntil;
    private Long expiresAt;

    public Attester(
            Options options, Verifier verifier, Journal journal, Device device, Device.Key key) {
        this.options = options;
        this.verifier = verifier;
        this.journal = journal;
        this.device = device;
        this.key = key;
    }

    /** Evidence that answers CHALLENGE, which was "received" or "computed". */
    public byte[] evidence(int conn, String direction, byte[] challenge) throws Refusal {
        journal.challenge(conn, direction, challenge);
        if (challenge.length < 8 || challenge.length > 64) {
            throw new Refusal(
                    "nonce-length",
                    "a nonce has 8 to 64 bytes, " + challenge.length + " came",
                    "RFC 9711 section 4.1");
        }
        byte[] cmw =
                options.psa
                        ? wrap(MediaType.EAT_CWT, token(challenge), Cmw.EVIDENCE)
                        : bundle(challenge);
        journal.credential(conn, "sent", cmw);
        return cmw;
    }

    private byte[] token(byte[] challenge) throws Refusal {
        if (challenge.length % 16 != 0 || challenge.length < 32) {
            throw new Refusal(
                    "nonce-length",
                    "the nonce of a PSA token has 32, 48 or 64 bytes",
                    "RFC 9783 section 4.1");
        }
        return device.attestPlatform(challenge);
    }

    private byte[] bundle(byte[] challenge) throws Refusal {
        byte[] cab = device.attestKey(key, challenge);
        return options.json ? Cmw.parse(cab).toJson() : cab;
    }

    private byte[] wrap(String type, byte[] value, int indicator) {
        return Cmw.write(options.form, options.json, type, value, indicator);
    }

    /**
     * A result, fresh or kept; one that answers BINDER, where that is not null, is for it alone.
     */
    public synchronized byte[] result(int conn, byte[] binder) throws Refusal {
        long now = System.currentTimeMillis() / 1000 + options.clockOffset;
        boolean cached = binder == null && kept != null && now < goodUntil;
        if (!cached) {
            fetch(conn, binder, now);
        }
        journal.result(
                conn,
                cached ? "cache" : "verifier",
                keptFile,
                expiresAt == null ? null : expiresAt - now);
        byte[] cmw = wrap(MediaType.EAT_JWT, kept, Cmw.ATTESTATION_RESULTS);
        if (binder != null) {
            kept = null;
        }
        journal.credential(conn, "sent", cmw);
        return cmw;
    }

    private void fetch(int conn, byte[] binder, long now) throws Refusal {
        Verifier.Session session =
                verifier.open(
                        options.text("verifier", null),
                        binder,
                        binder == null ? NONCE_SIZE : binder.length);
        if (binder != null) {
            journal.challenge(conn, "computed", binder);
        }
        try {
            kept =
                    options.psa
                            ? session.appraise(
                                    RelyingParty.tokenType(session), token(session.nonce))
                            : session.appraise(
                                    options.json ? MediaType.CMW_JSON : MediaType.CMW_CBOR,
                                    bundle(session.nonce));
        } finally {
            session.end();
        }
        keptFile = journal.result(conn, "own-result.jwt", kept);
        goodUntil = now;
        expiresAt = null;
        try { // only its times are read, unverified: they say when to fetch the next one
            long left = Result.parse(kept).expiresIn(now, options.resultMaxAge);
            expiresAt = now + left;
            goodUntil = expiresAt - Math.max(0, Math.min(MARGIN_MAX, left / 4));
        } catch (Refusal refusal) {
            goodUntil = now; // nothing to keep; the relying party will say what is wrong with it
        }
    }

    public boolean offers(String model) {
        return options.attester.contains(model);
    }
}
