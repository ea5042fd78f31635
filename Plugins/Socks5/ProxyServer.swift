import CLamina
import Glibc
import LaminaProvider

typealias Slot = UnsafeMutablePointer<lamina_slot>
typealias Request = UnsafeMutablePointer<lamina_request>

/// One level: the server, and how it is to be spoken to.
final class ProxyServer {
    /// Where it is, a socket address or a name.
    let address: lamina_address
    /// Its family, AF_UNSPEC for a name.
    let family: Int32
    /// As it was written, for messages.
    let name: String
    /// What it is told about the user; nil where nothing was given.
    let credentials: Credentials?
    let resolvesNames: Bool
    /// How long a step may take, in nanoseconds.
    let timeout: Int64

    /// A user's name and password, 1 to 255 bytes each.
    struct Credentials {
        let user: [UInt8]
        let password: [UInt8]
    }

    private init(_ name: String, _ address: lamina_address, _ credentials: Credentials?, _ settings: InstanceSettings) {
        self.name = name
        self.address = address
        family = address.form == UInt16(LAMINA_ADDRESS_NAME) ? AF_UNSPEC : Int32(address.storage.socket.sa_family)
        self.credentials = credentials
        resolvesNames = settings.isChoice("names", "remote")
        timeout = settings.number("timeout")
    }

    static func instantiate(
        _ arguments: UnsafePointer<lamina_instance_arguments>,
        _ made: UnsafeMutablePointer<lamina_instance>
    ) -> lamina_status {
        let settings = InstanceSettings(arguments)
        func refuse(_ reason: String) -> lamina_status {
            settings.refuse(-EINVAL) { line in reason.withCString { line.append(cString: $0) } }
        }
        let text = settings.text("server").map { String(cString: $0) } ?? ""
        guard let address = parse(text) else {
            return refuse("server: \"\(text)\" is no HOST:PORT; write e.g. 127.0.0.1:1080, proxy.example or [::1]:1080")
        }
        guard settings.number("timeout") > 0 else { return refuse("timeout: is 0; give at least 1ms") }
        let user = settings.text("user").map { bytes($0) }
        let password = settings.text("password").map { bytes($0) }
        var credentials: Credentials?
        switch (user, password) {
        case (nil, nil): break
        case (nil, _): return refuse("password: is given without a user; give user as well")
        case (_, nil): return refuse("user: is given without a password; give password as well")
        case (let user?, let password?):
            for (name, value) in [("user", user), ("password", password)] where !(1...255).contains(value.count) {
                return refuse("\(name): has \(value.count) bytes; SOCKS5 carries 1 to 255")
            }
            credentials = Credentials(user: user, password: password)
        }
        let server = ProxyServer(text, address, credentials, settings)
        made.pointee.effect = UInt32(LAMINA_EFFECT_TRANSFORM)
        made.pointee.table = Calls.table
        made.pointee.indications = Calls.indications
        made.pointee.context = Unmanaged.passRetained(server).toOpaque()
        return 0
    }

    static func destroy(_ context: UnsafeMutableRawPointer?) {
        guard let context else { return }
        Unmanaged<ProxyServer>.fromOpaque(context).release()
    }

    /// The level of a slot, of a socket's or the chain's own.
    static func of(_ slot: Slot) -> ProxyServer? {
        lamina_instance_context(slot).map { Unmanaged<ProxyServer>.fromOpaque($0).takeUnretainedValue() }
    }

    private static func bytes(_ text: UnsafePointer<CChar>) -> [UInt8] {
        Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
    }

    private static let usualPort: UInt16 = 1080

    /// Reads HOST:PORT, HOST, [IPv6]:PORT or an IPv6 address alone.
    private static func parse(_ text: String) -> lamina_address? {
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
