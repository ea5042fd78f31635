/// What the preload object and the worker of a run say to each other, over a SOCK_SEQPACKET connection of one call.
///
/// The program finds the run in the environment: `LAMINA_RUN=NAME,SECRET,PORT4,PORT6,RULES`. NAME is the abstract name
/// of the worker's socket and SECRET what a captured call carries in its last two argument registers (32 hexadecimal
/// digits each); the ports are those of the worker's listeners on 127.0.0.1 and ::1, 0 where there is none. RULES say
/// what is carried, without separators: for each rule, in hexadecimal digits, a byte of `LAMINA_RUN_RULE_…`, a byte for
/// the number of leading bits that count, the first and the last port in two bytes each, and the 16 bytes of an address,
/// that of IPv4 mapped.
#ifndef LAMINA_RUN_H
#define LAMINA_RUN_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

#define LAMINA_RUN_VARIABLE "LAMINA_RUN"

/// Both sides are built together; a preload object of another build is answered with EPROTO.
enum { LAMINA_RUN_VERSION = 8 };

/// What a rule says of what it matches.
enum {
    /// It is not carried; without this, it is, and what no such rule matches isn't.
    LAMINA_RUN_RULE_BYPASS = 1,
    /// It is carried, whatever others say. Such rules come first.
    LAMINA_RUN_RULE_ALWAYS = 2,
    /// Only with a name that the worker knows.
    LAMINA_RUN_RULE_NAMED = 4,
    /// It is about destinations.
    LAMINA_RUN_RULE_OUT = 8,
    /// It is about addresses that the program serves at.
    LAMINA_RUN_RULE_IN = 16,
    /// Addresses of IPv4 don't match.
    LAMINA_RUN_RULE_IPV6 = 32,
    /// Says nothing of what is carried: a level of the chain has to do with connections there. Where there are such
    /// rules, nobody is asked about connections that none of them matches, and no rule of those that come first.
    LAMINA_RUN_RULE_ASKED = 64,
};

enum { LAMINA_RUN_RULES = 96, LAMINA_RUN_RULE_SIZE = 22 };

/// What a message asks for.
enum {
    /// Where to connect the socket: answered when the outcome is known, or soon if it is non-blocking.
    LAMINA_RUN_CONNECT = 1,
    /// The caller of a connect waits no longer: answer now, the dial goes on; a socket that was lent will be taken back.
    LAMINA_RUN_DETACH = 2,
    /// The connection that was offered will not be made.
    LAMINA_RUN_ABANDON = 3,
    /// How the connect of the program's own socket went. One that failed is answered like a connect: with another
    /// address to try, or the errno that the call answers. One of a lent socket brings its descriptor, and is answered
    /// like a connect too. Others are not answered.
    LAMINA_RUN_DONE = 8,
    /// The errno with which the socket's connection ended.
    LAMINA_RUN_ERROR = 4,
    /// The address that the program asked to connect to.
    LAMINA_RUN_PEER = 5,
    /// The address that the chain connected from.
    LAMINA_RUN_LOCAL = 6,
    /// The addresses of a name.
    LAMINA_RUN_RESOLVE = 7,
    /// The name of an address, `destination`; answered with a canonical name and no addresses.
    LAMINA_RUN_REVERSE = 9,
    /// What stands for a name server, `destination`: datagrams to it are sent to the address that is answered.
    LAMINA_RUN_NAME_SERVER = 10,
    /// Which name server `destination` stands for.
    LAMINA_RUN_NAME_SERVER_OF = 11,
};

/// The network on loopback, 24 bits of it, whose addresses stand for name servers of IPv4. For those of IPv6 stands ::1.
enum { LAMINA_RUN_NAME_SERVERS = 0x7f534100 };

/// An IPv4 or IPv6 socket address; length 0: none.
typedef struct lamina_run_address {
    uint32_t length;
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
    } storage;
} lamina_run_address;

typedef struct lamina_run_request {
    uint64_t secret[2];
    uint32_t version;
    /// `LAMINA_RUN_…`.
    uint32_t kind;
    int32_t process;
    /// Of a done: 0 or an errno, EINPROGRESS if it is still under way.
    int32_t error;
    /// The socket is non-blocking.
    uint8_t nonblocking;
    /// IPV6_V6ONLY.
    uint8_t ipv6_only;
    /// The socket may be lent.
    uint8_t lends;
    uint8_t reserved;
    /// SO_COOKIE: names the socket.
    uint64_t cookie;
    /// With `process`, names what it executes: another after each exec. 0: not known.
    uint64_t image;
    lamina_run_address destination;
    /// What the socket is bound to.
    lamina_run_address local;
    /// Of a resolve: AF_…, AI_… and the name; of a reverse: NI_….
    int32_t family;
    int32_t flags;
    char name[256];
} lamina_run_request;

enum { LAMINA_RUN_ADDRESSES = 64 };

/// What becomes of a socket that is connected to the address of a reply.
enum {
    /// It is the program's, and nobody hears what came of it.
    LAMINA_RUN_OWN = 0,
    /// The worker is at the other end, which has to be told if the connection isn't made.
    LAMINA_RUN_PUMPED = 1,
    /// The chain has something to say on it first: its descriptor goes to the worker with `LAMINA_RUN_DONE`.
    LAMINA_RUN_LENT = 2,
    /// It was lent, and is the program's now. There is no address.
    LAMINA_RUN_READY = 3,
    /// It is the program's, and the chain hears with `LAMINA_RUN_DONE` what came of it.
    LAMINA_RUN_REPORTED = 4,
};

typedef struct lamina_run_reply {
    /// 0 or the errno that the call answers.
    int32_t error;
    /// Of a connect: `LAMINA_RUN_OWN` and the rest.
    uint32_t way;
    lamina_run_address address;
} lamina_run_reply;

typedef struct lamina_run_names {
    /// 0 or an EAI_… code; with EAI_SYSTEM, `error` says which.
    int32_t status;
    int32_t error;
    /// The h_errno that goes with it.
    int32_t host_error;
    uint32_t count;
    char canonical[256];
    lamina_run_address addresses[LAMINA_RUN_ADDRESSES];
} lamina_run_names;

#endif
