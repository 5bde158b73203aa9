// An owner and what it signs, for tests.
#pragma once

#include "trust/invite.hpp"
#include "trust/swarm_description.hpp"

namespace brigade::trust {

struct Owner {
  SigningKey key = SigningKey::make().value();
  SwarmOrigin origin = make_origin(key.public_key()).value();

  Invite invite() const {
    Invite result;
    result.origin = origin;
    result.id = make_invite_id().value();
    result.swarm_name = "tiny-stories";
    result.created_unix_s = 1'800'000'000;
    result.expires_unix_s = 1'800'086'400;
    result.uses = 5;
    result.contacts = {{node_id_of(SigningKey::make().value().public_key()), "203.0.113.7:7070"},
                       {node_id_of(SigningKey::make().value().public_key()), "[2001:db8::1]:7070"}};
    return result;
  }

  SwarmDescription description() const {
    SwarmDescription result;
    result.origin = origin;
    result.revision = 3;
    result.created_unix_s = 1'800'000'000;
    result.swarm_toml = "name = \"tiny\"\nstages = 3\n";
    return result;
  }
};

}  // namespace brigade::trust
