// SPDX-License-Identifier: Apache-2.0
package atls;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.X509Certificate;
import java.util.List;

/** Everything that lives as long as the program: what this side is, has and trusts. */
public final class Party implements AutoCloseable {
    public final Options options;
    public final Journal journal;
    public final Events events;
    public final CodePoints points = new CodePoints();

    /** Empty where this side has no certificate. */
    public final List<X509Certificate> chain;

    public final List<X509Certificate> anchors;

    /** Null where this side does not attest, or its evidence is in its certificate already. */
    public final Attester attester;

    /** Null where this side wants no attestation. */
    public final RelyingParty relyingParty;

    private final PrivateKey fileKey;
    private final Device device;
    private final Device.Key deviceKey;

    public Party(Options options)
            throws IOException, GeneralSecurityException, Refusal, Options.Usage {
        this.options = options;
        events = new Events(options.text("events", null), options.client ? "client" : "server");
        journal = new Journal(events, options.text("artifacts", null));
        if (options.text("code-points", null) != null) {
            points.override(Files.readAllBytes(Path.of(options.text("code-points", null))));
        }
        String certificate = options.text("cert", null);
        String ca = options.text("ca", null);
        chain = certificate == null ? List.of() : X509.load(certificate);
        anchors = ca == null ? List.of() : X509.load(ca);
        int handle = options.deviceKey();
        boolean inPlace =
                options.profile.carrier == Profile.Carrier.IN_PLACE && !options.besideCertificate;
        boolean inside = options.profile.carrier == Profile.Carrier.IN_CERTIFICATE;
        fileKey =
                certificate != null && handle < 0 ? X509.loadKey(options.text("key", null)) : null;
        boolean makes = !options.attester.isEmpty() && !inside;
        device = handle >= 0 || makes ? Device.open(options.text("device", null)) : null;
        if (makes && inPlace) {
            deviceKey = device.createKey(options.curve);
        } else {
            deviceKey = handle < 0 ? null : device.enrolled(handle, X509.key(chain.get(0)));
        }
        Verifier verifier = new Verifier(options.verifierTimeoutMs);
        attester = makes ? new Attester(options, verifier, journal, device, deviceKey) : null;
        relyingParty =
                options.relyingParty.isEmpty()
                        ? null
                        : new RelyingParty(options, verifier, journal);
        if (inside && !options.attester.isEmpty() && leafCmw() == null) {
            throw new Refusal(
                    "internal",
                    "the certificate has no extension with a CMW",
                    options.profile.clause);
        }
    }

    /**
     * What the own leaf carries goes out as it is: what is wrong with it, is for the peer to say.
     */
    byte[] leafCmw() {
        try {
            return chain.isEmpty() ? null : X509.findCmw(chain.get(0));
        } catch (Refusal refusal) {
            return Bytes.EMPTY;
        }
    }

    /** The key that attests in place of a certificate. */
    public EcKey attestedKey() {
        return deviceKey.publicKey();
    }

    public boolean attestsInPlace() {
        return attester != null
                && options.profile.carrier == Profile.Carrier.IN_PLACE
                && !options.besideCertificate;
    }

    /** The curve of the key that signs: its hash is the one to sign with. */
    public EcKey.Curve signingCurve(boolean attested) throws Refusal {
        return attested && attestsInPlace()
                ? deviceKey.publicKey().curve()
                : X509.key(chain.get(0)).curve();
    }

    /** ECDSA over a digest of the curve's hash, by the device or by the key of a file: DER. */
    public byte[] sign(byte[] digest, boolean attested) throws Refusal {
        if (deviceKey != null && (attested || fileKey == null)) {
            return EcKey.derOf(device.sign(deviceKey, digest));
        }
        try {
            Signature signer = Signature.getInstance("NONEwithECDSA");
            signer.initSign(fileKey);
            signer.update(digest);
            return signer.sign();
        } catch (GeneralSecurityException e) {
            throw new Refusal(
                    "internal",
                    "the key of " + options.text("key", "") + " does not sign: " + e.getMessage(),
                    "");
        }
    }

    /** A line of the NSS key log format; appended whole. */
    public synchronized void keylog(String label, byte[] clientRandom, byte[] secret)
            throws IOException {
        String file = options.text("keylog", null);
        if (file != null) {
            String line = label + " " + Bytes.hex(clientRandom) + " " + Bytes.hex(secret) + "\n";
            Files.writeString(
                    Path.of(file), line, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        }
    }

    @Override
    public void close() {
        if (device != null) {
            if (deviceKey != null && attestsInPlace()) {
                try {
                    device.destroyKey(deviceKey);
                } catch (Refusal refusal) {
                    // a device that is gone has destroyed it already
                }
            }
            device.close();
        }
    }
}
