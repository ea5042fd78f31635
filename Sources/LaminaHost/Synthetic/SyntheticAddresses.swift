import CLamina
import CLaminaRun
import Glibc
public import Lamina

/// Which addresses stand for names that nobody resolved, and for how long; see <doc:Names> of Lamina.
public struct SyntheticAddresses: Sendable, Equatable {
    /// The IPv4 network that they are taken from: 198.18.0.0/15.
    public private(set) var ipv4 = Block(bytes: [198, 18, 0, 0], prefix: 15)
    /// The IPv6 network: fd6c:616d:696e:6100::/64.
    public private(set) var ipv6 = Block(
        bytes: [0xfd, 0x6c, 0x61, 0x6d, 0x69, 0x6e, 0x61, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        prefix: 64
    )
    /// How many names may have one at once. Fewer, where a network is smaller.
    public var count = 16_384
    /// How long an address stands for its name at least after it was last given out or connected to, in milliseconds.
    public var hold: Int64 = 600_000

    /// The usual ones.
    public init() {}

    /// The usual ones, with other networks (`198.18.0.0/15`), at most one for each family, another number of names, and
    /// another time to hold them, in seconds. Throws what can't be used.
    public init(networks: [String], count: Int? = nil, hold seconds: Int? = nil) throws(LaminaError) {
        var families: [NetworkAddress.Family] = []
        for text in networks {
            guard let network = Network(parsing: text) else {
                throw LaminaError(
                    .invalidArgument,
                    "network \"\(text)\"",
                    "can't be read",
                    remedy: "write ADDRESS/BITS, e.g. 198.18.0.0/15"
                )
            }
            guard !families.contains(network.address.family) else {
                throw LaminaError(
                    .invalidArgument,
                    "network \"\(text)\"",
                    "is the second of its family",
                    remedy: "give one for IPv4 and one for IPv6"
                )
            }
            families.append(network.address.family)
            try take(from: network)
        }
        if let count {
            guard (1...1 << 20).contains(count) else {
                throw LaminaError(
                    .invalidArgument,
                    "\(count) synthetic addresses",
                    "can't be had",
                    remedy: "from 1 to 1048576 can"
                )
            }
            self.count = count
        }
        if let seconds {
            guard (0...31_536_000).contains(seconds) else {
                throw LaminaError(
                    .invalidArgument,
                    "a hold of \(seconds) s",
                    "can't be kept",
                    remedy: "from 0 s to a year can"
                )
            }
            hold = Int64(seconds) * 1000
        }
    }

    /// The networks of both families.
    var networks: [Network] {
        [(NetworkAddress.Family.ipv4, ipv4), (.ipv6, ipv6)].compactMap { family, block in
            NetworkAddress(family: family, bytes: block.bytes).flatMap { Network(parsing: "\($0)/\(block.prefix)") }
        }
    }

    /// A network's address and how many of its leading bits count.
    public struct Block: Sendable, Equatable {
        let bytes: [UInt8]
        let prefix: Int
    }

    /// Takes the addresses of one family from this network. Throws where it has fewer than 8 bits of its own, of which
    /// two addresses are never given.
    public mutating func take(from network: Network) throws(LaminaError) {
        var bytes = network.address.bytes
        guard network.prefix <= bytes.count * 8 - 8, network.address.family != .unix else {
            throw LaminaError(
                .invalidArgument,
                "network \"\(network)\"",
                "is too small for synthetic addresses",
                remedy: "give one with 8 bits or more of its own, e.g. 198.18.0.0/15"
            )
        }
        for bit in network.prefix..<bytes.count * 8 { bytes[bit / 8] &= ~(0x80 >> UInt8(bit % 8)) }
        let block = Block(bytes: bytes, prefix: network.prefix)
        if network.address.family == .ipv4 { ipv4 = block } else { ipv6 = block }
    }
}

/// The addresses of one run, by number.
struct SyntheticRange {
    /// How many numbers there are.
    let count: Int
    private let ipv4: SyntheticAddresses.Block
    private let ipv6: SyntheticAddresses.Block
    /// How many addresses a network has that are used, and where the numbers begin among them: another place in each
    /// run.
    private let places: Int
    private let start: Int

    init(_ addresses: SyntheticAddresses) {
        func usable(_ block: SyntheticAddresses.Block) -> Int {
            (1 << min(block.bytes.count * 8 - block.prefix, 31)) - 2
        }
        ipv4 = addresses.ipv4
        ipv6 = addresses.ipv6
        places = min(usable(ipv4), usable(ipv6))
        count = max(1, min(addresses.count, places))
        start = Int.random(in: 0..<places)
    }

    /// The address of a number, without a port.
    func address(_ index: Int, family: Int32) -> Endpoint {
        let place = UInt32(1 + (start + index) % places)
        var bytes = (family == AF_INET6 ? ipv6 : ipv4).bytes
        for byte in 0..<4 { bytes[bytes.count - 1 - byte] |= UInt8(truncatingIfNeeded: place >> UInt32(8 * byte)) }
        return Endpoint(bytes: bytes)
    }

    /// Whether an address is in the networks.
    func contains(_ address: Endpoint) -> Bool {
        let bytes = address.unmapped.addressBytes
        let block = bytes.count == 4 ? ipv4 : ipv6
        guard bytes.count == block.bytes.count else { return false }
        return (0..<block.prefix).allSatisfy { bit in
            let mask = UInt8(0x80) >> UInt8(bit % 8)
            return (bytes[bit / 8] ^ block.bytes[bit / 8]) & mask == 0
        }
    }

    /// The number of an address of the networks; nil for one that has none.
    func index(of address: Endpoint) -> Int? {
        let bytes = address.unmapped.addressBytes
        guard contains(address) else { return nil }
        let block = bytes.count == 4 ? ipv4 : ipv6
        var place = 0
        for (byte, base) in zip(bytes, block.bytes) {
            guard place < 1 << 40 else { return nil }
            place = place << 8 | Int(byte ^ base)
        }
        guard (1...places).contains(place) else { return nil }
        let index = (place - 1 - start + places) % places
        return index < count ? index : nil
    }
}

extension Endpoint {
    /// An address of 4 or 16 bytes, without a port.
    init(bytes: [UInt8]) {
        self = .loopback(bytes.count == 4 ? AF_INET : AF_INET6, port: 0)
        if bytes.count == 4 {
            withUnsafeMutableBytes(of: &raw.storage.ipv4.sin_addr) { $0.copyBytes(from: bytes) }
        } else {
            withUnsafeMutableBytes(of: &raw.storage.ipv6.sin6_addr) { $0.copyBytes(from: bytes) }
        }
    }

    /// The host's bytes, 4 or 16.
    var addressBytes: [UInt8] {
        switch family {
        case AF_INET: withUnsafeBytes(of: raw.storage.ipv4.sin_addr) { Array($0) }
        case AF_INET6: withUnsafeBytes(of: raw.storage.ipv6.sin6_addr) { Array($0) }
        default: []
        }
    }
}
