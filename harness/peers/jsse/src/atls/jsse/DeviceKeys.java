// SPDX-License-Identifier: Apache-2.0
package atls.jsse;

import atls.Bytes;
import atls.Conversation;
import atls.EcKey;
import atls.Refusal;

import java.io.ByteArrayOutputStream;
import java.security.InvalidKeyException;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.PublicKey;
import java.security.SignatureException;
import java.security.SignatureSpi;
import java.util.List;
import java.util.Map;

/**
 * A security provider for keys that stay where they are, in the device or in a file: JSSE asks for
 * a signature by such a key, finds that this provider alone takes it, and gets what the party
 * signs.
 */
final class DeviceKeys extends Provider {
    private static final long serialVersionUID = 1L;

    DeviceKeys() {
        super("AtlsDevice", "1", "signatures by keys of the attester's device");
        Map<String, String> attributes = Map.of("SupportedKeyClasses", Key.class.getName());
        for (EcKey.Curve curve : EcKey.Curve.values()) {
            String name = curve.hash.replace("-", "") + "withECDSA";
            String type = (curve == EcKey.Curve.P256 ? Sha256.class : Sha384.class).getName();
            putService(new Service(this, "Signature", name, type, List.of(), attributes));
        }
    }

    /** The own key in one connection; it has no encoding. */
    static final class Key implements PrivateKey {
        private static final long serialVersionUID = 1L;

        private final transient Conversation conversation;

        Key(Conversation conversation) {
            this.conversation = conversation;
        }

        @Override
        public String getAlgorithm() {
            return "EC";
        }

        @Override
        public String getFormat() {
            return null;
        }

        @Override
        public byte[] getEncoded() {
            return null;
        }
    }

    /** Collects what is to be signed, and has its digest signed. */
    private abstract static class Signer extends SignatureSpi {
        private final String hash;
        private final ByteArrayOutputStream content = new ByteArrayOutputStream();
        private Key key;

        Signer(String hash) {
            this.hash = hash;
        }

        @Override
        protected void engineInitSign(PrivateKey privateKey) throws InvalidKeyException {
            if (!(privateKey instanceof Key own)) {
                throw new InvalidKeyException("a key of the device was expected");
            }
            key = own;
            content.reset();
        }

        @Override
        protected void engineInitVerify(PublicKey publicKey) throws InvalidKeyException {
            throw new InvalidKeyException("this provider verifies nothing");
        }

        @Override
        protected void engineUpdate(byte octet) {
            content.write(octet);
        }

        @Override
        protected void engineUpdate(byte[] bytes, int at, int size) {
            content.write(bytes, at, size);
        }

        @Override
        protected byte[] engineSign() throws SignatureException {
            try {
                return key.conversation.party.sign(Bytes.hash(hash, content.toByteArray()), false);
            } catch (Refusal refusal) {
                key.conversation.fail(refusal);
                throw new SignatureException(refusal.getMessage(), refusal);
            }
        }

        @Override
        protected boolean engineVerify(byte[] signature) throws SignatureException {
            throw new SignatureException("this provider verifies nothing");
        }

        @Override
        @Deprecated
        protected void engineSetParameter(String name, Object value) {
            throw new UnsupportedOperationException();
        }

        @Override
        @Deprecated
        protected Object engineGetParameter(String name) {
            throw new UnsupportedOperationException();
        }
    }

    /** Made by name. */
    public static final class Sha256 extends Signer {
        public Sha256() {
            super("SHA-256");
        }
    }

    /** Made by name. */
    public static final class Sha384 extends Signer {
        public Sha384() {
            super("SHA-384");
        }
    }
}
