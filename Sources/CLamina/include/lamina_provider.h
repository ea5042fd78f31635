/// The one header that a plug-in needs: what a shared object's start-up symbol says about the providers in it.
#ifndef LAMINA_PROVIDER_H
#define LAMINA_PROVIDER_H

#include "lamina_control.h"
#include "lamina_resolve.h"
#include "lamina_signature.h"
#include "lamina_table.h"

/// Marks the start-up function, the only symbol that a plug-in exports.
#if defined(__cplusplus)
#define LAMINA_EXPORT extern "C" __attribute__((visibility("default")))
#else
#define LAMINA_EXPORT __attribute__((visibility("default")))
#endif

/// The start-up symbol's name.
#define LAMINA_STARTUP_SYMBOL "lamina_startup"
/// What `type` holds in the start-up structs: "LAMI".
#define LAMINA_STARTUP_TYPE 0x494d414cu

LAMINA_C_BEGIN
LAMINA_NONNULL_BEGIN

enum {
    /// Reaches a transport (base protocol).
    LAMINA_BASE_PROVIDER = 1,
    /// Intercepts calls and passes them down (layered protocol).
    LAMINA_LAYERED_PROVIDER = 2,
    /// Ends its column and opens columns of the rest of the chain.
    LAMINA_TERMINATING_PROVIDER = 3,
};

/// What a level does to data.
enum {
    /// Sees control calls only.
    LAMINA_EFFECT_NONE = 0,
    /// Sees data calls, may delay or refuse them, changes and keeps no byte.
    LAMINA_EFFECT_OBSERVE = 1,
    /// Changes, keeps or invents data.
    LAMINA_EFFECT_TRANSFORM = 2,
};

/// How a socket with this level can be handed to another process: used by both at once, or taken away from the first.
enum {
    LAMINA_HANDOFF_SHARE = 0,
    LAMINA_HANDOFF_MOVE = 1,
    LAMINA_HANDOFF_NONE = 2,
    /// Only in lamina_state: a descriptor came without a state.
    LAMINA_HANDOFF_FRESH = 3,
};

/// Where a layer belongs in a derived order, from the program down (the Winsock LSP categories).
enum {
    LAMINA_PHASE_NONE = 0,
    LAMINA_PHASE_INSPECTOR = 0x1,
    LAMINA_PHASE_FIREWALL = 0x8,
    LAMINA_PHASE_REDIRECTOR = 0x2,
    LAMINA_PHASE_PROXY = 0x4,
    LAMINA_PHASE_INBOUND_MODIFY = 0x10,
    LAMINA_PHASE_OUTBOUND_MODIFY = 0x20,
    LAMINA_PHASE_CRYPTO_COMPRESS = 0x40,
    LAMINA_PHASE_LOCAL_CACHE = 0x80,
};
/// The last phase: next to the base. No enumerator, whose values C11 keeps within an int.
#define LAMINA_PHASE_SYSTEM 0x80000000u

/// Bits of a provider's `flags`.
enum {
    /// Tables may hold libffi closures, which lie in no image.
    LAMINA_PROVIDER_GENERIC = 1,
    /// A datagram layer that reorders on purpose.
    LAMINA_PROVIDER_REORDERS = 2,
    /// A layer that sends and receives on its own account while a stream connects, and no byte too many; once that has
    /// succeeded, every byte passes it as it is.
    LAMINA_PROVIDER_HANDSHAKES = 4,
    /// A layer whose calls of sockets are about destinations that are names; what goes to addresses it leaves as it is,
    /// and need not see.
    LAMINA_PROVIDER_ONLY_NAMES = 8,
};

enum {
    LAMINA_SETTING_BOOLEAN = 1,
    LAMINA_SETTING_INTEGER = 2,
    /// Bytes.
    LAMINA_SETTING_SIZE = 3,
    /// Bits a second.
    LAMINA_SETTING_RATE = 4,
    /// Nanoseconds.
    LAMINA_SETTING_DURATION = 5,
    LAMINA_SETTING_TEXT = 6,
    /// One of `choices`.
    LAMINA_SETTING_CHOICE = 7,
    LAMINA_SETTING_PATH = 8,
    /// Text that no list, log or trace shows.
    LAMINA_SETTING_SECRET = 9,
};

/// Bits of a setting's `flags`.
enum {
    /// May change while the instance runs (`configure`).
    LAMINA_SETTING_LIVE = 1,
    LAMINA_SETTING_REQUIRED = 2,
    /// May be given more than once; the instance gets each.
    LAMINA_SETTING_LIST = 4,
};

/// What a provider lets its user set. The names `when`, `except` and `required` are the framework's: the conditions that
/// every level may carry, and whether an open fails without it.
typedef struct lamina_setting_declaration {
    const char *name;
    uint32_t type;
    uint32_t flags;
    /// For a choice: `a|b|c`, else null.
    const char *LAMINA_NULLABLE choices;
    /// As a user would write it, or null for none; delivered if the user gives nothing.
    const char *LAMINA_NULLABLE default_value;
    const char *help;
} lamina_setting_declaration;

/// Bits of a protocol's `provider_flags` (PFL_…, by their Winsock bits).
enum {
    /// Of the provider's protocols, the one to take.
    LAMINA_PROTOCOL_RECOMMENDED = 0x2,
    /// Serves sockets that name no protocol.
    LAMINA_PROTOCOL_MATCHES_ZERO = 0x8,
};

/// In which order a protocol's addresses hold the bytes of a number.
enum { LAMINA_BIG_ENDIAN = 0, LAMINA_LITTLE_ENDIAN = 1 };

/// What a base offers (part of WSAPROTOCOL_INFO).
typedef struct lamina_protocol {
    int32_t family;
    int32_t type;
    int32_t protocol;
    /// Protocols up to `protocol` + this are served as well.
    int32_t protocol_maximum_offset;
    /// Winsock's XP1_ service flags.
    uint32_t service_flags;
    /// 0 for a stream, 1 if it depends on the route, else the longest datagram in bytes.
    uint32_t message_size;
    /// `LAMINA_PROTOCOL_…`.
    uint32_t provider_flags;
    /// `LAMINA_BIG_ENDIAN` or `LAMINA_LITTLE_ENDIAN`.
    uint32_t byte_order;
    /// The name of the security scheme that the protocol speaks by itself, or null for none.
    const char *LAMINA_NULLABLE security;
} lamina_protocol;

/// An extension (`LAMINA_CONTROL_EXTENSION`) whose functions a provider describes, for levels that were compiled without
/// them: `lamina install` writes it into the manifest.
typedef struct lamina_extension_declaration {
    /// The extension's name, as UUID text.
    const char *uuid;
    /// What people call it, or null.
    const char *LAMINA_NULLABLE name;
    uint32_t dispatch_count;
    uint32_t client_count;
    /// The members of the table that the level answers, declared as C declares them, all and in their order.
    const char *LAMINA_NONNULL const *LAMINA_NULLABLE dispatch;
    /// Those of the table that whoever asks hands over.
    const char *LAMINA_NONNULL const *LAMINA_NULLABLE client;
} lamina_extension_declaration;

/// Takes one line, without its end.
typedef void (*lamina_line_function)(void *LAMINA_NULLABLE sink, const char *text, size_t length);

/// What an instance is made from.
typedef struct lamina_instance_arguments {
    uint32_t size;
    uint32_t setting_count;
    const lamina_setting *LAMINA_NULLABLE settings;
    /// The level's name in this chain.
    const char *label;
    const lamina_upcalls *upcalls;
    /// The instance's slot in the chain's own column.
    lamina_slot *slot;
    /// Where a failing instantiate writes one line that says why.
    char *reason;
    size_t reason_capacity;
    /// What can be called in this chain, for a provider with `LAMINA_PROVIDER_GENERIC`: every entry and indication of
    /// the framework, and the extensions that the chain's manifests describe. Lives as long as the instance.
    const lamina_signature *LAMINA_NULLABLE signatures;
    uint32_t signature_count;
    /// sizeof(lamina_signature) of the framework: how far the next one is.
    uint32_t signature_size;
} lamina_instance_arguments;

/// One level of one chain: what `instantiate` fills in. `size` is set by the framework.
typedef struct lamina_instance {
    uint32_t size;
    /// `LAMINA_EFFECT_…` with these settings, at most the provider's.
    uint32_t effect;
    const lamina_table *LAMINA_NULLABLE table;
    const lamina_indications *LAMINA_NULLABLE indications;
    /// What `lamina_instance_context` answers.
    void *LAMINA_NULLABLE context;
} lamina_instance;

/// One provider of a shared object. It and all that it points to are constant.
typedef struct lamina_provider {
    uint32_t size;
    /// `LAMINA_…_PROVIDER`.
    uint32_t kind;
    const char *name;
    const char *version;
    /// One line for lists.
    const char *summary;
    /// The provider's identity for good (ProviderId), as UUID text.
    const char *uuid;
    uint32_t effect;
    uint32_t handoff;
    uint32_t phase;
    /// The socket categories that it stands in; in others it is absent.
    uint32_t categories;
    uint32_t flags;
    uint32_t setting_count;
    const lamina_setting_declaration *LAMINA_NULLABLE settings;
    uint32_t protocol_count;
    /// `sizeof(lamina_protocol)` where there are protocols.
    uint32_t protocol_size;
    const lamina_protocol *LAMINA_NULLABLE protocols;
    /// Comma-separated provider names, or null: the order that this layer needs.
    const char *LAMINA_NULLABLE before;
    const char *LAMINA_NULLABLE after;
    const char *LAMINA_NULLABLE conflicts;
    const char *LAMINA_NULLABLE requires_names;
    /// Makes one level. 0 or a negative errno with a reason. Runs once a level, before any socket.
    lamina_status (*instantiate)(const lamina_instance_arguments *instance_arguments, lamina_instance *instance);
    /// Ends one level, when its last socket has closed: also the place for a last line of output. May be null.
    void (*LAMINA_NULLABLE destroy)(void *LAMINA_NULLABLE context);
    // What a provider with a smaller `size` doesn't have.
    /// Writes a level's table of rules, a rule a line and numbered, in the order in which they decide. Null for a provider
    /// that has no such table.
    void (*LAMINA_NULLABLE rules)(
        void *LAMINA_NULLABLE context, lamina_line_function line, void *LAMINA_NULLABLE sink);
    uint32_t extension_count;
    /// `sizeof(lamina_extension_declaration)` where there are extensions.
    uint32_t extension_size;
    const lamina_extension_declaration *LAMINA_NULLABLE extensions;
} lamina_provider;

/// What the framework says at start-up.
typedef struct lamina_startup_arguments {
    uint32_t size;
    /// `LAMINA_STARTUP_TYPE`.
    uint32_t type;
    /// The oldest and newest version that the framework speaks.
    uint32_t abi_minimum;
    uint32_t abi_maximum;
    uint32_t table_size;
    uint32_t indications_size;
    uint32_t request_size;
    uint32_t upcalls_size;
    const lamina_upcalls *upcalls;
} lamina_startup_arguments;

/// What the plug-in answers. `size` and `type` are set by the framework.
typedef struct lamina_startup_result {
    uint32_t size;
    uint32_t type;
    /// The oldest and newest version that the plug-in speaks.
    uint32_t abi_minimum;
    uint32_t abi_maximum;
    uint32_t provider_count;
    uint32_t reserved;
    const lamina_provider *LAMINA_NULLABLE const *LAMINA_NULLABLE providers;
} lamina_startup_result;

/// The start-up symbol (WSPStartup): runs once a library, before any of its providers is used. 0 or a negative errno.
typedef lamina_status (*lamina_startup_function)(
    const lamina_startup_arguments *startup_arguments, lamina_startup_result *result);

/// What a plug-in's start-up function says for `count` providers.
LAMINA_INLINE lamina_status lamina_offer(
    lamina_startup_result *result, const lamina_provider *LAMINA_NULLABLE const *LAMINA_NULLABLE providers,
    uint32_t count) {
    result->abi_minimum = LAMINA_ABI_VERSION;
    result->abi_maximum = LAMINA_ABI_VERSION;
    result->provider_count = count;
    result->providers = providers;
    return 0;
}

LAMINA_NONNULL_END
LAMINA_C_END

#endif
