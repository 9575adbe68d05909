// SPDX-License-Identifier: Apache-2.0
package atls;

import java.util.List;
import java.util.Map;

/**
 * Why something is not accepted: a word of harness/peers/README.md, a sentence for people, and the
 * clause that is broken. Everything that reads what others sent throws it.
 */
public final class Refusal extends Exception {
    private static final long serialVersionUID = 1L;

    public final String reason;
    public final String clause;

    /**
     * The number of the alert where it is not the one that the profile has for the reason, or -1.
     */
    public final int alert;

    /** Of a verdict: a tier, and the components that do not match. */
    public final String tier;

    public final transient List<Map<String, Object>> mismatches;

    public Refusal(String reason, String detail, String clause) {
        this(reason, detail, clause, -1, "none", null);
    }

    private Refusal(
            String reason,
            String detail,
            String clause,
            int alert,
            String tier,
            List<Map<String, Object>> mismatches) {
        super(detail);
        this.reason = reason;
        this.clause = clause == null ? "" : clause;
        this.alert = alert;
        this.tier = tier;
        this.mismatches = mismatches;
    }

    public Refusal withAlert(int number) {
        return new Refusal(reason, getMessage(), clause, number, tier, mismatches);
    }

    /** The same, in other words: what reads a part knows less than what reads the whole. */
    public Refusal as(String otherReason) {
        return new Refusal(otherReason, getMessage(), clause, alert, tier, mismatches);
    }

    public static Refusal ofTier(
            String tier,
            String reason,
            String detail,
            String clause,
            List<Map<String, Object>> mismatches) {
        return new Refusal(reason, detail, clause, -1, tier, mismatches);
    }
}
