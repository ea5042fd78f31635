public import CLamina

/// What a plug-in offers to the framework (`lamina_startup_result`). A plug-in in Swift exports one function, the
/// start-up symbol, and answers it with this:
///
/// ```swift
/// public import CLamina
/// import LaminaProvider
///
/// @c(lamina_startup)
/// public func startUp(
///     _ arguments: UnsafePointer<lamina_startup_arguments>,
///     _ result: UnsafeMutablePointer<lamina_startup_result>
/// ) -> lamina_status {
///     offer.answer(result)
/// }
///
/// private let offer = Offer(ProviderDescription("mine", LAMINA_LAYERED_PROVIDER, …))
/// ```
public struct Offer: @unchecked Sendable {
    // What it points to is constant and never freed.
    private let providers: UnsafePointer<UnsafePointer<lamina_provider>?>?
    private let count: UInt32

    /// The providers of one library, in memory that is never freed: make one once. Never fails, on any thread.
    public init(_ providers: ProviderDescription...) {
        self.providers = Immortal.list(providers.map { $0.descriptor })
        count = UInt32(providers.count)
    }

    /// Writes what `lamina_startup` answers: these providers, and the version of the ABI that this SDK speaks
    /// (`lamina_offer`). The status that it returns: 0. Any thread; allocates nothing.
    public func answer(_ result: UnsafeMutablePointer<lamina_startup_result>) -> lamina_status {
        lamina_offer(result, providers, count)
    }
}
