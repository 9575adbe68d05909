/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl, loaded when its first function is called. It brings twenty libraries along, and a
 * program that has no verifier to ask would spend most of its start-up on loading and linking them.
 */
#ifndef ATLS_ROLES_CURL_H
#define ATLS_ROLES_CURL_H

#include <curl/curl.h>

#define ATLS_CURL_FUNCTIONS(X)                                                                     \
    X(easy_cleanup)                                                                                \
    X(easy_getinfo)                                                                                \
    X(easy_header)                                                                                 \
    X(easy_init)                                                                                   \
    X(easy_setopt)                                                                                 \
    X(easy_strerror)                                                                               \
    X(easy_unescape)                                                                               \
    X(free)                                                                                        \
    X(global_cleanup)                                                                              \
    X(global_init)                                                                                 \
    X(multi_add_handle)                                                                            \
    X(multi_cleanup)                                                                               \
    X(multi_info_read)                                                                             \
    X(multi_init)                                                                                  \
    X(multi_perform)                                                                               \
    X(multi_poll)                                                                                  \
    X(multi_remove_handle)                                                                         \
    X(multi_setopt)                                                                                \
    X(multi_strerror)                                                                              \
    X(slist_append)                                                                                \
    X(slist_free_all)                                                                              \
    X(url)                                                                                         \
    X(url_cleanup)                                                                                 \
    X(url_get)                                                                                     \
    X(url_set)                                                                                     \
    X(version_info)

#define ATLS_CURL_MEMBER(name) __typeof__(curl_##name) *name;
struct atls_curl { /* each as curl_NAME() */
    ATLS_CURL_FUNCTIONS(ATLS_CURL_MEMBER)
};
#undef ATLS_CURL_MEMBER

/* Ends the program with 127, as the loader does, where the library cannot be loaded. */
const struct atls_curl *atls_curl(void);

#undef curl_easy_getinfo
#undef curl_easy_setopt
#undef curl_multi_setopt
#define curl_easy_cleanup atls_curl()->easy_cleanup
#define curl_easy_getinfo atls_curl()->easy_getinfo
#define curl_easy_header atls_curl()->easy_header
#define curl_easy_init atls_curl()->easy_init
#define curl_easy_setopt atls_curl()->easy_setopt
#define curl_easy_strerror atls_curl()->easy_strerror
#define curl_easy_unescape atls_curl()->easy_unescape
#define curl_free atls_curl()->free
#define curl_global_cleanup atls_curl()->global_cleanup
#define curl_global_init atls_curl()->global_init
#define curl_multi_add_handle atls_curl()->multi_add_handle
#define curl_multi_cleanup atls_curl()->multi_cleanup
#define curl_multi_info_read atls_curl()->multi_info_read
#define curl_multi_init atls_curl()->multi_init
#define curl_multi_perform atls_curl()->multi_perform
#define curl_multi_poll atls_curl()->multi_poll
#define curl_multi_remove_handle atls_curl()->multi_remove_handle
#define curl_multi_setopt atls_curl()->multi_setopt
#define curl_multi_strerror atls_curl()->multi_strerror
#define curl_slist_append atls_curl()->slist_append
#define curl_slist_free_all atls_curl()->slist_free_all
#define curl_url atls_curl()->url
#define curl_url_cleanup atls_curl()->url_cleanup
#define curl_url_get atls_curl()->url_get
#define curl_url_set atls_curl()->url_set
#define curl_version_info atls_curl()->version_info

#endif
