// SPDX-License-Identifier: Apache-2.0
package atls;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.cert.CertPathValidator;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertificateException;
import java.security.cert.CertificateExpiredException;
import java.security.cert.CertificateFactory;
import java.security.cert.CertificateParsingException;
import java.security.cert.PKIXParameters;
import java.security.cert.PKIXReason;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Ordinary X.509 by Java's own PKIX, and the CMW in a leaf (RFC 9999 section 4.4). */
public final class X509 {
    private static final String UNTRUSTED = "certificate-untrusted";
    private static final String CHAIN = "RFC 5280 section 6";
    private static final String CLAUSE = "RFC 9999 section 4.4";
    private static final String OID_PE = "1.3.6.1.5.5.7.1.35";
    private static final String OID_TCG = "2.23.133.5.4.9";
    private static final String SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
    private static final String CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
    private static final int UNKNOWN_CA = 48;
    private static final int EXPIRED = 45;
    private static final int OCTET_STRING = 0x04;
    private static final int UTF8_STRING = 0x0c;
    private static final Pattern KEY =
            Pattern.compile("-----BEGIN PRIVATE KEY-----([^-]+)-----END PRIVATE KEY-----");

    private X509() {}

    public static X509Certificate parse(byte[] der) throws Refusal {
        try {
            CertificateFactory factory = CertificateFactory.getInstance("X.509");
            return (X509Certificate) factory.generateCertificate(new ByteArrayInputStream(der));
        } catch (CertificateException e) {
            throw new Refusal(
                    UNTRUSTED,
                    "expected a certificate in DER: " + e.getMessage(),
                    "RFC 5280 section 4.1");
        }
    }

    public static List<X509Certificate> load(String file) throws IOException, CertificateException {
        Collection<? extends java.security.cert.Certificate> found =
                CertificateFactory.getInstance("X.509")
                        .generateCertificates(
                                new ByteArrayInputStream(Files.readAllBytes(Path.of(file))));
        List<X509Certificate> chain = new ArrayList<>();
        found.forEach(one -> chain.add((X509Certificate) one));
        if (chain.isEmpty()) {
            throw new CertificateException(file + ": no certificate in PEM");
        }
        return chain;
    }

    /** An EC key in PKCS#8. */
    public static PrivateKey loadKey(String file) throws IOException, GeneralSecurityException {
        Matcher pem = KEY.matcher(Files.readString(Path.of(file)));
        if (!pem.find()) {
            throw new GeneralSecurityException(file + ": expected a private key in PEM (PKCS#8)");
        }
        byte[] der = Base64.getMimeDecoder().decode(pem.group(1));
        return KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(der));
    }

    /** The chain up to one of the anchors; the leaf is a server's of this name, or a client's. */
    public static void verify(
            List<X509Certificate> chain, List<X509Certificate> anchors, String host)
            throws Refusal {
        if (anchors.isEmpty()) {
            throw new Refusal(UNTRUSTED, "X.509 came, and no trust anchors were given", CHAIN)
                    .withAlert(UNKNOWN_CA);
        }
        Set<TrustAnchor> trusted = new HashSet<>();
        anchors.forEach(anchor -> trusted.add(new TrustAnchor(anchor, null)));
        List<X509Certificate> path = new ArrayList<>(chain);
        path.removeIf(anchors::contains); // an anchor may be sent along; it is no part of the path
        try {
            PKIXParameters parameters = new PKIXParameters(trusted);
            parameters.setRevocationEnabled(false);
            CertPathValidator.getInstance("PKIX")
                    .validate(
                            CertificateFactory.getInstance("X.509").generateCertPath(path),
                            parameters);
        } catch (CertPathValidatorException e) {
            throw untrusted(e);
        } catch (GeneralSecurityException e) {
            throw new Refusal(UNTRUSTED, "the chain does not verify: " + e.getMessage(), CHAIN);
        }
        checkUse(chain.get(0), host);
    }

    private static Refusal untrusted(CertPathValidatorException e) {
        Refusal refusal =
                new Refusal(UNTRUSTED, "the chain does not verify: " + e.getMessage(), CHAIN);
        if (e.getReason() == PKIXReason.NO_TRUST_ANCHOR) {
            return refusal.withAlert(UNKNOWN_CA);
        }
        return e.getCause() instanceof CertificateExpiredException
                ? refusal.withAlert(EXPIRED)
                : refusal;
    }

    private static void checkUse(X509Certificate leaf, String host) throws Refusal {
        try {
            List<String> purposes = leaf.getExtendedKeyUsage();
            String wanted = host != null ? SERVER_AUTH : CLIENT_AUTH;
            if (purposes != null && !purposes.contains(wanted)) {
                throw new Refusal(
                        UNTRUSTED,
                        "the certificate is not for this use: " + wanted + " is missing",
                        "RFC 5280 section 4.2.1.12");
            }
            if (host != null && !isNamed(leaf, host)) {
                throw new Refusal(
                        UNTRUSTED, "the certificate is not for " + host, "RFC 9525 section 6");
            }
        } catch (CertificateParsingException e) {
            throw new Refusal(UNTRUSTED, "the certificate's extensions: " + e.getMessage(), CHAIN);
        }
    }

    /** A name or an address as it stands; wildcards have no use here. */
    private static boolean isNamed(X509Certificate leaf, String host)
            throws CertificateParsingException {
        Collection<List<?>> names = leaf.getSubjectAlternativeNames();
        return names != null
                && names.stream()
                        .anyMatch(
                                name ->
                                        name.get(1) instanceof String text
                                                && text.equalsIgnoreCase(host));
    }

    /** The key of a leaf: only those of P-256 and P-384 can be attested. */
    public static EcKey key(X509Certificate leaf) throws Refusal {
        return EcKey.ofSpki(leaf.getPublicKey().getEncoded(), "key-mismatch", "RFC 5480 section 2");
    }

    /** The bytes of the CMW in a leaf, or null where it has none; a malformed one is refused. */
    public static byte[] findCmw(X509Certificate leaf) throws Refusal {
        byte[] value = leaf.getExtensionValue(OID_PE);
        boolean tcg = value == null;
        if (tcg) {
            value = leaf.getExtensionValue(OID_TCG);
        }
        if (value == null) {
            return null;
        }
        byte[] content = contentOf(value, OCTET_STRING); // extnValue itself
        boolean bare =
                tcg
                        && content.length > 0
                        && content[0] != OCTET_STRING
                        && content[0] != UTF8_STRING;
        byte[] cmw = bare ? content : choice(content);
        Cmw parsed = Cmw.parse(cmw);
        if (tcg && parsed.form() == Cmw.Form.COLLECTION) {
            throw new Refusal(
                    "malformed-cmw",
                    "TCG's extension holds a record or a tag, a collection came",
                    CLAUSE);
        }
        return cmw;
    }

    /** CHOICE { json UTF8String, cbor OCTET STRING }; what is in it is what it says. */
    private static byte[] choice(byte[] content) throws Refusal {
        boolean json = content.length > 0 && content[0] == UTF8_STRING;
        byte[] cmw = contentOf(content, json ? UTF8_STRING : OCTET_STRING);
        String serialization = Cmw.serializationOf(cmw);
        if (serialization != null && serialization.equals("json") != json) {
            throw new Refusal(
                    "malformed-cmw",
                    "expected a CMW in "
                            + (json ? "JSON" : "CBOR")
                            + ", one in "
                            + serialization
                            + " came",
                    CLAUSE);
        }
        return cmw;
    }

    /** DER: this tag, a definite length in as few bytes as possible, nothing behind it. */
    private static byte[] contentOf(byte[] der, int tag) throws Refusal {
        Bytes.Reader in = new Bytes.Reader(der, "malformed-cmw", "X.690 section 10.1");
        if (in.number("tag", 1) != tag) {
            throw new Refusal("malformed-cmw", "expected OCTET STRING or UTF8String", CLAUSE);
        }
        long size = in.number("length", 1);
        if (size > 0x80 && size <= 0x83) {
            int bytes = (int) size - 0x80;
            size = in.number("length", bytes);
            if (size < 0x80 || bytes > 1 && size >>> (8 * (bytes - 1)) == 0) {
                throw in.refusal("the length is not in as few bytes as possible");
            }
        } else if (size >= 0x80) {
            throw in.refusal("expected a definite length");
        }
        byte[] content = in.bytes("CMW", (int) size);
        in.end("extension");
        return content;
    }
}
