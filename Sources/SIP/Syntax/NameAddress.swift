/// `"Display" <uri>;param=value`: From, To, Contact, Route, Record-Route, Refer-To, P-Asserted-Identity and
/// the like.
public struct NameAddress: Hashable, Sendable {
  public var displayName: String?
  public var uri: SIPURI
  public var parameters: [SIPURI.Parameter]

  public init(displayName: String? = nil, uri: SIPURI, parameters: [SIPURI.Parameter] = []) {
    self.displayName = displayName
    self.uri = uri
    self.parameters = parameters
  }
}
