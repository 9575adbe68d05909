/* SPDX-License-Identifier: Apache-2.0 */
#include "rats/base/model.h"

const char *atls_model_name(enum atls_model model)
{
    switch (model) {
    case ATLS_MODEL_BACKGROUND_CHECK:
        return "background-check";
    case ATLS_MODEL_PASSPORT:
        return "passport";
    case ATLS_MODEL_NONE:
        break;
    }
    return "none";
}
