import Glibc
import LaminaProvider

/// The server, and how it is to be spoken to.
struct ProxyServer: Sendable {
    /// Where it is, a socket address or a name.
    let address: Address
    /// As it was written, for messages.
    let name: String
    /// What it is told about the user; nil where nothing was given.
    let credentials: Credentials?

    /// A user's name and password, 1 to 255 bytes each.
    struct Credentials: Sendable {
        let user: [UInt8]
        let password: [UInt8]

        init(user: String, password: String) throws(Failure) {
            self.user = Array(user.utf8)
            self.password = Array(password.utf8)
            for (name, value) in [("user", self.user), ("password", self.password)]
            where !(1...255).contains(value.count) {
                throw Failure(EINVAL, "\(name): has \(value.count) bytes; SOCKS5 carries 1 to 255")
            }
        }
    }

    init(_ level: Level) throws(Failure) {
        name = level[Socks5.server]
        guard let address = Self.parse(name) else {
            throw Failure(
                EINVAL,
                "server: \"\(name)\" is no HOST:PORT; write e.g. 127.0.0.1:1080, proxy.example or [::1]:1080"
            )
        }
        self.address = address
        switch (level.has(Socks5.user), level.has(Socks5.password)) {
        case (false, false): credentials = nil
        case (false, true): throw Failure(EINVAL, "password: is given without a user; give user as well")
        case (true, false): throw Failure(EINVAL, "user: is given without a password; give password as well")
        case (true, true):
            credentials = try Credentials(user: level[Socks5.user], password: level[Socks5.password])
        }
    }

    private static let usualPort: UInt16 = 1080

    /// Reads HOST:PORT, HOST, [IPv6]:PORT or an IPv6 address alone.
    private static func parse(_ text: String) -> Address? {
        var host = Substring(text)
        var port = usualPort
        let colons = text.utf8.count { $0 == UInt8(ascii: ":") }
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            host = text[text.index(after: text.startIndex)..<end]
            let rest = text[text.index(after: end)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { return nil }
            if !rest.isEmpty {
                guard let number = UInt16(rest.dropFirst()) else { return nil }
                port = number
            }
        } else if colons == 1, let colon = text.firstIndex(of: ":") {
            guard let number = UInt16(text[text.index(after: colon)...]) else { return nil }
            host = text[..<colon]
            port = number
        }
        guard port != 0 else { return nil }
        return SocksAddress.make(host: String(host), port: port)
    }
}
