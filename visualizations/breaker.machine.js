import { createMachine } from 'xstate'

export const breakerMachine = createMachine({
  "id": "breaker",
  "initial": "starting",
  "on": {
    "breaker.configure": [
      {
        "actions": [
          {
            "type": "configure"
          }
        ]
      }
    ],
    "breaker.watch": [
      {
        "actions": [
          {
            "type": "keepWatcher"
          },
          {
            "type": "tell"
          }
        ]
      }
    ],
    "breaker.force_open": [
      {
        "target": ".forced_open"
      }
    ],
    "breaker.disable": [
      {
        "target": ".disabled"
      }
    ],
    "breaker.reset": [
      {
        "target": ".closed"
      }
    ],
    "permit.withdraw": [
      {
        "actions": [
          {
            "type": "endWait"
          }
        ]
      }
    ],
    "permit.cancel": [
      {
        "actions": [
          {
            "type": "giveBack"
          }
        ]
      }
    ]
  },
  "states": {
    "starting": {
      "always": [
        {
          "target": "disabled",
          "guard": {
            "type": "isBypassed"
          }
        },
        {
          "target": "closed"
        }
      ]
    },
    "closed": {
      "entry": [
        {
          "type": "announce"
        },
        {
          "type": "forgetFailures"
        },
        {
          "type": "nextGeneration"
        },
        {
          "type": "let",
          "params": {
            "availability": "serves"
          }
        },
        {
          "type": "tell"
        }
      ],
      "on": {
        "permit.request": [
          {
            "guard": {
              "type": "asksForProbe"
            }
          },
          {
            "actions": [
              {
                "type": "grant",
                "params": {
                  "probe": false
                }
              }
            ]
          }
        ],
        "export.reported": [
          {
            "target": "open",
            "guard": {
              "type": "isMisdirected"
            },
            "actions": [
              {
                "type": "beginOutage"
              },
              {
                "type": "planLateProbe"
              }
            ]
          },
          {
            "target": "open",
            "guard": {
              "type": "trips"
            },
            "actions": [
              {
                "type": "beginOutage"
              },
              {
                "type": "planProbe"
              }
            ]
          },
          {
            "guard": {
              "type": "isCurrent"
            },
            "actions": [
              {
                "type": "countFailures"
              }
            ]
          }
        ],
        "breaker.renew": [
          {
            "actions": [
              {
                "type": "forgetFailures"
              },
              {
                "type": "nextGeneration"
              }
            ]
          }
        ]
      },
      "always": [
        {
          "guard": {
            "type": "isAwaited"
          },
          "actions": [
            {
              "type": "grant",
              "params": {
                "probe": false
              }
            },
            {
              "type": "endWait"
            }
          ]
        }
      ]
    },
    "open": {
      "entry": [
        {
          "type": "announce"
        },
        {
          "type": "nextGeneration"
        },
        {
          "type": "let",
          "params": {
            "availability": "away"
          }
        },
        {
          "type": "tell"
        }
      ],
      "on": {
        "permit.request": [
          {
            "target": "half_open.probing",
            "guard": {
              "type": "mayProbe"
            },
            "actions": [
              {
                "type": "spendUrgent"
              }
            ]
          },
          {
            "guard": {
              "type": "isUrgent"
            },
            "actions": [
              {
                "type": "deny"
              }
            ]
          },
          {
            "actions": [
              {
                "type": "wait"
              }
            ]
          }
        ],
        "breaker.renew": [
          {
            "target": "closed"
          }
        ]
      },
      "after": {
        "wait": [
          {
            "target": "half_open",
            "actions": [
              {
                "type": "allowUrgent"
              }
            ]
          }
        ]
      }
    },
    "half_open": {
      "initial": "free",
      "entry": [
        {
          "type": "announce"
        },
        {
          "type": "nextGeneration"
        }
      ],
      "on": {
        "permit.request": [
          {
            "actions": [
              {
                "type": "wait"
              }
            ]
          }
        ],
        "breaker.renew": [
          {
            "target": "closed"
          }
        ]
      },
      "states": {
        "free": {
          "entry": [
            {
              "type": "let",
              "params": {
                "availability": "probe_free"
              }
            },
            {
              "type": "tell"
            }
          ],
          "on": {
            "permit.request": [
              {
                "target": "probing"
              }
            ]
          },
          "always": [
            {
              "target": "probing",
              "guard": {
                "type": "isAwaited"
              }
            }
          ]
        },
        "probing": {
          "entry": [
            {
              "type": "let",
              "params": {
                "availability": "away"
              }
            },
            {
              "type": "nextGeneration"
            },
            {
              "type": "grant",
              "params": {
                "probe": true
              }
            },
            {
              "type": "endWait"
            }
          ],
          "on": {
            "permit.cancel": [
              {
                "target": "free",
                "actions": [
                  {
                    "type": "giveBack"
                  }
                ]
              }
            ],
            "export.reported": [
              {
                "target": "#breaker.open",
                "guard": {
                  "type": "isMisdirected"
                },
                "actions": [
                  {
                    "type": "planLateProbe"
                  }
                ]
              },
              {
                "target": "#breaker.open",
                "guard": {
                  "type": "probeFailed"
                },
                "actions": [
                  {
                    "type": "planProbe"
                  }
                ]
              },
              {
                "target": "#breaker.closed",
                "guard": {
                  "type": "probeSucceeded"
                }
              },
              {
                "target": "free",
                "guard": {
                  "type": "isCurrent"
                }
              }
            ]
          },
          "after": {
            "probeDeadline": [
              {
                "target": "free"
              }
            ]
          }
        }
      }
    },
    "forced_open": {
      "entry": [
        {
          "type": "announce"
        },
        {
          "type": "nextGeneration"
        },
        {
          "type": "let",
          "params": {
            "availability": "forced_open"
          }
        },
        {
          "type": "tell"
        }
      ],
      "on": {
        "permit.request": [
          {
            "guard": {
              "type": "isUrgent"
            },
            "actions": [
              {
                "type": "deny"
              }
            ]
          },
          {
            "actions": [
              {
                "type": "wait"
              }
            ]
          }
        ],
        "breaker.renew": [
          {
            "actions": [
              {
                "type": "nextGeneration"
              }
            ]
          }
        ]
      }
    },
    "disabled": {
      "entry": [
        {
          "type": "announce"
        },
        {
          "type": "nextGeneration"
        },
        {
          "type": "let",
          "params": {
            "availability": "serves"
          }
        },
        {
          "type": "tell"
        }
      ],
      "on": {
        "permit.request": [
          {
            "guard": {
              "type": "asksForProbe"
            }
          },
          {
            "actions": [
              {
                "type": "grant",
                "params": {
                  "probe": false
                }
              }
            ]
          }
        ],
        "breaker.renew": [
          {
            "actions": [
              {
                "type": "nextGeneration"
              }
            ]
          }
        ]
      },
      "always": [
        {
          "guard": {
            "type": "isAwaited"
          },
          "actions": [
            {
              "type": "grant",
              "params": {
                "probe": false
              }
            },
            {
              "type": "endWait"
            }
          ]
        }
      ]
    }
  }
})
