import Glibc
import LaminaProvider

/// What the two sides say (RFC 1928, RFC 1929).
enum Messages {
    static let version: UInt8 = 5
    /// Methods of logging in.
    static let noLogin: UInt8 = 0
    static let byPassword: UInt8 = 2

    private static let loginVersion: UInt8 = 1
    private static let connect: UInt8 = 1

    /// Which logins there are.
    static func greeting(_ credentials: ProxyServer.Credentials?) -> [UInt8] {
        credentials == nil ? [version, 1, noLogin] : [version, 2, noLogin, byPassword]
    }

    static func login(_ credentials: ProxyServer.Credentials) -> [UInt8] {
        [loginVersion, UInt8(credentials.user.count)] + credentials.user
            + [UInt8(credentials.password.count)] + credentials.password
    }

    /// A request to connect. Nil: the protocol can't carry the address.
    static func request(for address: Address) -> [UInt8]? {
        SocksAddress.bytes(of: address).map { [version, connect, 0] + $0 }
    }

    /// What a reply's code means, nil for success: an errno, and what to say where that alone says too little.
    static func refusal(_ code: UInt8) -> (errno: Int32, remark: String?)? {
        switch code {
        case 0: nil
        case 1: (ECONNREFUSED, "reports a general failure")
        case 2: (EACCES, "doesn't allow the destination")
        case 3: (ENETUNREACH, nil)
        case 4: (EHOSTUNREACH, nil)
        case 5: (ECONNREFUSED, nil)
        case 6: (ETIMEDOUT, nil)
        case 7: (EOPNOTSUPP, "can't connect to others")
        case 8: (EAFNOSUPPORT, "doesn't take this type of address")
        default: (EPROTO, "answers with the unknown code \(code)")
        }
    }
}
