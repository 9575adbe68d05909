// SPDX-License-Identifier: Apache-2.0
package atls.bc;

import atls.EcKey;

import org.bouncycastle.asn1.ASN1Encodable;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.x509.SubjectPublicKeyInfo;
import org.bouncycastle.tls.AlertDescription;
import org.bouncycastle.tls.TlsFatalAlert;
import org.bouncycastle.tls.crypto.Tls13Verifier;
import org.bouncycastle.tls.crypto.TlsCertificate;
import org.bouncycastle.tls.crypto.TlsEncryptor;
import org.bouncycastle.tls.crypto.TlsVerifier;
import org.bouncycastle.tls.crypto.impl.bc.BcTlsCrypto;
import org.bouncycastle.tls.crypto.impl.bc.BcTlsRawKeyCertificate;

import java.io.IOException;
import java.math.BigInteger;

/**
 * A CMW where the library expects a certificate (tls-attestation). CertificateVerify is by the key
 * that the CMW attests, once that is known; until then it verifies nothing.
 */
final class AttestedCertificate implements TlsCertificate {
    private final BcTlsCrypto crypto;
    private final byte[] cmw;
    private EcKey key;

    AttestedCertificate(BcTlsCrypto crypto, byte[] cmw) {
        this.crypto = crypto;
        this.cmw = cmw;
    }

    void attests(EcKey attested) {
        key = attested;
    }

    private TlsCertificate rawKey() throws IOException {
        if (key == null) {
            throw new TlsFatalAlert(AlertDescription.internal_error, "no key is attested yet");
        }
        return new BcTlsRawKeyCertificate(crypto, SubjectPublicKeyInfo.getInstance(key.spki()));
    }

    @Override
    public byte[] getEncoded() {
        return cmw.clone();
    }

    @Override
    public Tls13Verifier createVerifier(int signatureScheme) throws IOException {
        return rawKey().createVerifier(signatureScheme);
    }

    @Override
    public TlsVerifier createVerifier(short signatureAlgorithm) throws IOException {
        return rawKey().createVerifier(signatureAlgorithm);
    }

    @Override
    public TlsEncryptor createEncryptor(int tlsCertificateRole) throws IOException {
        return rawKey().createEncryptor(tlsCertificateRole);
    }

    @Override
    public byte[] getExtension(ASN1ObjectIdentifier extensionOid) {
        return null;
    }

    @Override
    public BigInteger getSerialNumber() {
        return null;
    }

    @Override
    public String getSigAlgOID() {
        return null;
    }

    @Override
    public ASN1Encodable getSigAlgParams() {
        return null;
    }

    @Override
    public short getLegacySignatureAlgorithm() throws IOException {
        return rawKey().getLegacySignatureAlgorithm();
    }

    @Override
    public boolean supportsSignatureAlgorithm(short signatureAlgorithm) throws IOException {
        return rawKey().supportsSignatureAlgorithm(signatureAlgorithm);
    }

    @Override
    public boolean supportsSignatureAlgorithmCA(short signatureAlgorithm) {
        return false;
    }

    @Override
    public TlsCertificate checkUsageInRole(int tlsCertificateRole) {
        return this;
    }
}
